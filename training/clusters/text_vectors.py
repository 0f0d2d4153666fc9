"""Turns the text of items into vectors: TF-IDF and truncated SVD, or a sentence encoder."""

from __future__ import annotations

import numpy as np
import polars as pl
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.utils.extmath import randomized_svd

from expectations.contracts.errors import UserError
from training.clusters.config import RepresentationConfig
from training.clusters.words import CATEGORY, TITLE, read_words

TFIDF = "tfidf"
MIN_ITEMS_PER_WORD = 2
SVD_ITERATIONS = 7
ENCODER_BATCH = 64


def encode_text(
    items: pl.DataFrame, config: RepresentationConfig, rng: np.random.Generator
) -> np.ndarray:
    """Return one vector per item, float32 ``[n_items, d]``: unit length, or zero without text.

    Raises:
        UserError: the sentence encoder is not installed or cannot be loaded.
    """
    if config.text_encoder != TFIDF:
        return _encode_sentences(items, config.text_encoder)
    counts = count_words(items, config)
    if counts.shape[1] == 0:
        return np.zeros((items.height, 1), dtype=np.float32)
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    vectors, values = reduce_rows(weighted, config.text_dimensions, rng)
    return scale_to_unit(vectors * values)


def count_words(items: pl.DataFrame, config: RepresentationConfig) -> sp.csr_matrix:
    """Count stems per item, ``[n_items, n_stems]``, titles and categories weighted by config.

    Stems of a single item, or of all, say nothing about likeness and are left out.
    """
    weight = (
        pl.when(pl.col("field") == TITLE)
        .then(config.title_weight)
        .when(pl.col("field") == CATEGORY)
        .then(config.category_weight)
        .otherwise(1)
    )
    counts = (
        read_words(items)
        .group_by("row", "stem")
        .agg(weight.sum().alias("count"))
        .filter(pl.col("count") > 0)
    )
    spread = counts.group_by("stem").agg(pl.len().alias("n_items"))
    stems = (
        spread.filter(pl.col("n_items").is_between(MIN_ITEMS_PER_WORD, items.height - 1))
        .sort(["n_items", "stem"], descending=[True, False])
        .head(config.max_text_features)
        .with_row_index("column")
    )
    cells = counts.join(stems, on="stem").sort("row", "column")
    shape = (items.height, stems.height)
    positions = (cells["row"].to_numpy(), cells["column"].to_numpy())
    return sp.csr_matrix((cells["count"].to_numpy().astype(np.float64), positions), shape=shape)


def reduce_rows(
    matrix: sp.csr_matrix, dimensions: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return left singular vectors ``[n, d]`` and singular values ``[d]``, largest first.

    Randomised SVD with power iterations (Halko et al. 2011); ``d`` is ``dimensions``, or fewer
    where the matrix has fewer rows or columns.
    """
    wanted = max(1, min(dimensions, *matrix.shape))
    seed = int(rng.integers(2**31))
    left, values, _ = randomized_svd(matrix, wanted, n_iter=SVD_ITERATIONS, random_state=seed)
    return left, values


def scale_to_unit(vectors: np.ndarray) -> np.ndarray:
    """Return the rows at unit length as float32; rows that are (almost) zero become zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    present = lengths > 1e-8
    scaled = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=present)
    single: np.ndarray = scaled.astype(np.float32)
    return single


def _encode_sentences(items: pl.DataFrame, name: str) -> np.ndarray:
    try:
        from sentence_transformers import SentenceTransformer  # type: ignore[import-not-found]
    except ImportError:
        raise UserError(
            "clusters.representation.text_encoder",
            "a sentence encoder needs the package sentence-transformers",
            "install the extra: pip install 'interest-explorer[text]', or set it to tfidf",
            name,
        ) from None
    try:
        encoder = SentenceTransformer(name, device="cpu")
    except (OSError, ValueError) as error:
        raise UserError(
            "clusters.representation.text_encoder",
            "names a sentence-transformers model or a local folder that holds one",
            "check the name, or set it to tfidf",
            f"{name}: {error}"[:200],
        ) from None
    sentences = items.select(
        pl.concat_str(
            "title",
            pl.col("category_path").list.join(", "),
            "text",
            separator=". ",
            ignore_nulls=True,
        )
    ).to_series()
    vectors = encoder.encode(sentences.to_list(), batch_size=ENCODER_BATCH, show_progress_bar=None)
    has_text = sentences.str.contains(r"\p{L}").to_numpy()
    return scale_to_unit(np.asarray(vectors, dtype=np.float64) * has_text[:, None])
