"""Turns the text of items into vectors: TF-IDF and truncated SVD, or a sentence encoder."""

from __future__ import annotations

import numpy as np
import polars as pl
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfTransformer

from expectations.contracts.errors import UserError
from training.clusters.config import RepresentationConfig
from training.clusters.crowd import weigh_terms
from training.clusters.reduction import reduce_rows, scale_to_unit
from training.clusters.words import CATEGORY, TITLE, read_words

TFIDF = "tfidf"
MIN_ITEMS_PER_WORD = 2
ENCODER_BATCH = 64


def encode_text(
    items: pl.DataFrame,
    company: np.ndarray,
    config: RepresentationConfig,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return one vector per item, float32 ``[n_items, d]``: unit length, or zero without text.

    Args:
        items: the table ITEMS.
        company: collaborative vectors ``[n_items, d]``, which say what words are worth.
        config: the encoder and its size.
        rng: seeds the SVD.

    Raises:
        UserError: the sentence encoder is not installed or cannot be loaded.
    """
    if config.text_encoder != TFIDF:
        return _encode_sentences(items, config.text_encoder)
    counts = count_words(items, config)
    if counts.shape[1] == 0:
        return np.zeros((items.height, 1), dtype=np.float32)
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    weighted = weighted @ sp.diags(weigh_terms(counts, company, config.word_floor))
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
