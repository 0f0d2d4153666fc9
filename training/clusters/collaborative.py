"""Turns who liked what, and in which order, into item vectors: shifted PMI and truncated SVD."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import scipy.sparse as sp

from training.clusters.config import RepresentationConfig
from training.clusters.reduction import reduce_rows, scale_to_unit

CONTEXT_SMOOTHING = 0.75


def count_interactions(
    interactions: pl.LazyFrame, item_ids: pl.Series, before: datetime
) -> np.ndarray:
    """Return each item's number of interactions before a time, int64 ``[n_items]``."""
    counts = (
        interactions.filter(pl.col("timestamp") < before)
        .group_by("item_id")
        .agg(pl.len().alias("count"))
        .collect(engine="streaming")
    )
    aligned = item_ids.to_frame("item_id").join(counts, on="item_id", how="left")
    return aligned.sort("item_id")["count"].fill_null(0).to_numpy().astype(np.int64)


def encode_interactions(
    interactions: pl.LazyFrame,
    item_ids: pl.Series,
    before: datetime,
    config: RepresentationConfig,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return one vector per item, float32 ``[n_items, d]``: unit length, or zero without company.

    Items that the same user liked within ``config.window`` steps count as a pair. The matrix of
    max(PMI - log shift, 0), with the context counts raised to 3/4, is cut to its largest singular
    values, each split evenly between items and contexts (Levy, Goldberg & Dagan 2015).

    Args:
        interactions: the table INTERACTIONS.
        item_ids: the items, ascending.
        before: interactions from this time on are not looked at.
        config: window, shift and dimensions.
        rng: seeds the SVD.
    """
    users, items = _read_sequences(interactions, item_ids, before)
    pairs = _count_pairs(users, items, len(item_ids), config.window)
    information = _weigh_pairs(pairs, config.shift)
    if information.nnz == 0:
        return np.zeros((len(item_ids), 1), dtype=np.float32)
    vectors, values = reduce_rows(information, config.collaborative_dimensions, rng)
    return scale_to_unit(vectors * np.sqrt(values))


def _read_sequences(
    interactions: pl.LazyFrame, item_ids: pl.Series, before: datetime
) -> tuple[np.ndarray, np.ndarray]:
    """Return (user, item) indices of positive interactions, by user, then time."""
    rows = item_ids.to_frame("item_id").with_row_index("item").lazy()
    ordered = (
        interactions.filter((pl.col("timestamp") < before) & pl.col("is_positive"))
        .select("user_id", "item_id", "timestamp")
        .join(rows, on="item_id")
        .select(pl.col("user_id").hash(seed=0).alias("user"), "timestamp", "item")
        .sort("user", "timestamp", "item")
        .select("user", "item")
        .collect(engine="streaming")
    )
    return ordered["user"].to_numpy(), ordered["item"].to_numpy().astype(np.int32)


def _count_pairs(users: np.ndarray, items: np.ndarray, n_items: int, window: int) -> sp.csr_matrix:
    """Count how often two different items stand within ``window`` steps, both ways round."""
    shape = (n_items, n_items)
    total = sp.csr_matrix(shape, dtype=np.float64)
    for lag in range(1, window + 1):
        together = (users[lag:] == users[:-lag]) & (items[lag:] != items[:-lag])
        first, second = items[:-lag][together], items[lag:][together]
        ones = np.ones(len(first))
        total = total + sp.coo_matrix((ones, (first, second)), shape=shape).tocsr()
    return (total + total.T).tocsr()


def _weigh_pairs(pairs: sp.csr_matrix, shift: float) -> sp.csr_matrix:
    cells = pairs.tocoo()
    item_counts = np.asarray(pairs.sum(axis=1)).ravel()
    context = item_counts**CONTEXT_SMOOTHING
    context /= max(context.sum(), 1e-12)
    expected = item_counts[cells.row] * context[cells.col]
    information = np.log(cells.data / expected) - np.log(shift)
    kept = information > 0
    return sp.csr_matrix((information[kept], (cells.row[kept], cells.col[kept])), shape=pairs.shape)
