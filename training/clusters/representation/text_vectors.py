"""Turns the text of items into vectors: TF-IDF and truncated SVD, or a sentence encoder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import scipy.sparse as sp

from expectations.contracts.errors import UserError
from training.clusters.config import RepresentationConfig
from training.clusters.representation.reduction import scale_to_unit, truncated_svd
from training.clusters.representation.term_coherence import weigh_terms
from training.clusters.representation.words import CATEGORY, TITLE, read_words

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer  # type: ignore[import-not-found]

TFIDF = "tfidf"
MIN_ITEMS_PER_WORD = 2
"""A word of one item likens it to no other."""
ENCODER_BATCH = 64
"""Sentences encoded together: bounds the memory."""


@dataclass(frozen=True)
class WordEncoder:
    """Encodes items by the words they share, those it was fitted on and others.

    Attributes:
        stems: the words that count, ``[n_stems]``.
        idf: inverse document frequency of each, float64 ``[n_stems]``.
        projection: from a unit TF-IDF row to a vector, float64 ``[n_stems, d]``; what the crowd
            says a word is worth is in it.
        config: what titles and categories weigh.
    """

    stems: pl.Series
    idf: np.ndarray
    projection: np.ndarray
    config: RepresentationConfig

    def encode(self, items: pl.DataFrame) -> np.ndarray:
        """Return one vector per row of ITEMS, float32 ``[n_items, d]``: unit length, or zero."""
        return self.project(count_words(items, self.stems, self.config))

    def project(self, counts: sp.csr_matrix) -> np.ndarray:
        """Return the vectors of items with these word counts ``[n_items, n_stems]``."""
        if 0 in counts.shape:
            return np.zeros((counts.shape[0], self.projection.shape[1]), dtype=np.float32)
        return scale_to_unit(np.asarray(_weigh_words(counts, self.idf) @ self.projection))


@dataclass(frozen=True)
class SentenceEncoder:
    """Encodes items by what a sentence-transformers model makes of their text.

    Attributes:
        name: id or local folder of the model.
    """

    name: str

    def encode(self, items: pl.DataFrame) -> np.ndarray:
        """Return one vector per row of ITEMS, float32 ``[n_items, d]``: unit length, or zero.

        Raises:
            UserError: the model is not installed or cannot be loaded.
        """
        return _encode_sentences(items, self.name)


TextEncoder = WordEncoder | SentenceEncoder


def fit_text(
    items: pl.DataFrame,
    collaborative: np.ndarray,
    config: RepresentationConfig,
    rng: np.random.Generator,
) -> tuple[TextEncoder, np.ndarray]:
    """Return the encoder for the text of items, and the vectors of these items ``[n_items, d]``.

    Args:
        items: the table ITEMS.
        collaborative: vectors ``[n_items, d]``, which say what words are worth.
        config: the encoder and its size.
        rng: seeds the SVD.

    Raises:
        UserError: the sentence encoder is not installed or cannot be loaded.
    """
    from sklearn.feature_extraction.text import TfidfTransformer

    if config.text_encoder != TFIDF:
        sentences = SentenceEncoder(config.text_encoder)
        return sentences, sentences.encode(items)
    stems = choose_stems(items, config)
    counts = count_words(items, stems, config)
    if counts.shape[1] == 0:
        words = WordEncoder(stems, np.zeros(0), np.zeros((0, 1)), config)
        return words, words.project(counts)
    idf = TfidfTransformer(sublinear_tf=True).fit(counts).idf_
    worth = weigh_terms(counts, collaborative, config.word_floor)
    weighed = _weigh_words(counts, idf) @ sp.diags(worth)
    directions, _ = truncated_svd(weighed, config.text_dimensions, rng)
    words = WordEncoder(stems, idf, worth[:, None] * directions, config)
    return words, words.project(counts)


def choose_stems(items: pl.DataFrame, config: RepresentationConfig) -> pl.Series:
    """Return the stems that count, the most frequent first.

    Stems of a single item, or of all, say nothing about likeness and are left out.
    """
    spread = (
        _count_stems(items, config)
        .group_by("stem")
        .agg(pl.len().alias("n_items"))
        .filter(pl.col("n_items").is_between(MIN_ITEMS_PER_WORD, items.height - 1))
    )
    ranked = spread.sort(["n_items", "stem"], descending=[True, False])
    return ranked.head(config.max_text_features)["stem"]


def count_words(
    items: pl.DataFrame, stems: pl.Series, config: RepresentationConfig
) -> sp.csr_matrix:
    """Count stems per item, ``[n_items, n_stems]``, titles and categories weighted by config."""
    columns = stems.to_frame("stem").with_row_index("column")
    cells = _count_stems(items, config).join(columns, on="stem").sort("row", "column")
    shape = (items.height, len(stems))
    positions = (cells["row"].to_numpy(), cells["column"].to_numpy())
    return sp.csr_matrix((cells["count"].to_numpy().astype(np.float64), positions), shape=shape)


def _count_stems(items: pl.DataFrame, config: RepresentationConfig) -> pl.DataFrame:
    """Return ``(row, stem, count)``, one row per item and stem."""
    weight = (
        pl.when(pl.col("field") == TITLE)
        .then(config.title_weight)
        .when(pl.col("field") == CATEGORY)
        .then(config.category_weight)
        .otherwise(1)
    )
    counts = read_words(items).group_by("row", "stem").agg(weight.sum().alias("count"))
    return counts.filter(pl.col("count") > 0)


def _weigh_words(counts: sp.csr_matrix, idf: np.ndarray) -> sp.csr_matrix:
    """Return unit rows of (1 + log count) times the inverse document frequency."""
    from sklearn.preprocessing import normalize  # a service starts without it

    weighed = counts.copy()
    weighed.data = 1 + np.log(weighed.data)
    return normalize(weighed @ sp.diags(idf))


@lru_cache(maxsize=1)  # a service asks for one item at a time
def _load_sentences(name: str) -> SentenceTransformer:
    try:
        from sentence_transformers import SentenceTransformer  # type: ignore[import-not-found]
    except ImportError:
        raise UserError(
            "clusters.representation.text_encoder",
            "a sentence encoder needs the package sentence-transformers",
            "pip install -c constraints.txt -e '.[text]', or set it to tfidf",
            name,
        ) from None
    try:
        return SentenceTransformer(name, device="cpu")
    except (OSError, ValueError) as error:
        raise UserError(
            "clusters.representation.text_encoder",
            "names a sentence-transformers model or a local folder that holds one",
            "check the name, or set it to tfidf",
            f"{name}: {error}"[:200],
        ) from None


def _encode_sentences(items: pl.DataFrame, name: str) -> np.ndarray:
    sentences = items.select(
        pl.concat_str(
            "title",
            pl.col("category_path").list.join(", "),
            "text",
            separator=". ",
            ignore_nulls=True,
        )
    ).to_series()
    vectors = _load_sentences(name).encode(
        sentences.to_list(), batch_size=ENCODER_BATCH, show_progress_bar=None
    )
    has_text = sentences.str.contains(r"\p{L}").to_numpy()
    return scale_to_unit(np.asarray(vectors, dtype=np.float64) * has_text[:, None])
