"""Turns who acted on what, and in which order, into item vectors: shifted PMI and truncated SVD."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
import scipy.sparse as sp

from training.clusters.config import RepresentationConfig
from training.clusters.representation.reduction import scale_to_unit, truncated_svd

CONTEXT_SMOOTHING = 0.75
"""Power of the context counts, as in word2vec and in Levy, Goldberg & Dagan (2015)."""


@dataclass(frozen=True)
class CollaborativeEncoder:
    """Encodes items by what occurs beside them, those it was fitted on and others.

    Items that the same user acted on within ``window`` steps count as a pair, whether they were
    liked or not: what people choose to try tells of interests. The matrix of max(PMI - log shift,
    0), with the context counts raised to 3/4, is projected on its largest singular directions,
    each split evenly between items and contexts (Levy, Goldberg & Dagan 2015).

    Attributes:
        item_ids: the items counted as contexts, ascending, ``[n_known]``.
        context: smoothed share of each of them as a context, float64 ``[n_known]``.
        projection: from a row of PMI to a vector, float64 ``[n_known, d]``.
        window: steps between two items of a user that still make a pair.
        shift: pairs less than this often as frequent as chance do not count.
    """

    item_ids: pl.Series
    context: np.ndarray
    projection: np.ndarray
    window: int
    shift: float

    def encode(
        self, item_ids: pl.Series, interactions: pl.LazyFrame, before: datetime | None
    ) -> np.ndarray:
        """Return one vector per item, float32 ``[n_items, d]``: unit length, or zero.

        Args:
            item_ids: known items or new ones, no id twice.
            interactions: the table INTERACTIONS, with all that the users of these items did.
            before: interactions from this time on are not looked at; ``None`` looks at all.
        """
        pairs = count_cooccurrences(item_ids, self.item_ids, interactions, before, self.window)
        return self.project(_weigh_pairs(pairs, self.context, self.shift))

    def project(self, information: sp.csr_matrix) -> np.ndarray:
        """Return the vectors of items with these rows of PMI ``[n_items, n_known]``."""
        return scale_to_unit(np.asarray(information @ self.projection))


def fit_collaborative(
    item_ids: pl.Series,
    interactions: pl.LazyFrame,
    before: datetime,
    config: RepresentationConfig,
    rng: np.random.Generator,
) -> tuple[CollaborativeEncoder, np.ndarray]:
    """Return the encoder fitted on interactions before a time, and the vectors of its items.

    Args:
        item_ids: the items, ascending.
        interactions: the table INTERACTIONS.
        before: interactions from this time on are not looked at.
        config: window, shift and dimensions.
        rng: seeds the SVD.
    """
    pairs = count_cooccurrences(item_ids, item_ids, interactions, before, config.window)
    context = np.asarray(pairs.sum(axis=0)).ravel() ** CONTEXT_SMOOTHING
    context /= max(context.sum(), 1e-12)
    information = _weigh_pairs(pairs, context, config.shift)
    del pairs  # of millions of interactions it is the largest thing there is
    if information.nnz == 0:
        projection = np.zeros((len(item_ids), 1))
    else:
        directions, values = truncated_svd(information, config.collaborative_dimensions, rng)
        projection = directions / np.sqrt(np.maximum(values, 1e-9))
    encoder = CollaborativeEncoder(item_ids, context, projection, config.window, config.shift)
    return encoder, encoder.project(information)


def count_interactions(
    interactions: pl.LazyFrame, item_ids: pl.Series, before: datetime | None
) -> np.ndarray:
    """Return each item's number of interactions before a time, int64 ``[n_items]``."""
    counts = (
        _until(interactions, before)
        .group_by("item_id")
        .agg(pl.len().alias("count"))
        .collect(engine="streaming")
    )
    aligned = item_ids.to_frame("item_id").join(
        counts, on="item_id", how="left", maintain_order="left"
    )
    return aligned["count"].fill_null(0).to_numpy().astype(np.int64)


def count_cooccurrences(
    item_ids: pl.Series,
    known_ids: pl.Series,
    interactions: pl.LazyFrame,
    before: datetime | None,
    window: int,
) -> sp.csr_matrix:
    """Count how often items stand within ``window`` steps of known ones, either way round.

    Args:
        item_ids: the items to encode, no id twice.
        known_ids: the items counted as contexts, no id twice.
        interactions: the table INTERACTIONS; all but these items are passed over.
        before: interactions from this time on are not looked at; ``None`` looks at all.
        window: most steps between the two.

    Returns:
        Counts ``[n_items, n_known]``; an item does not occur beside itself.
    """
    everyone = pl.concat([known_ids, item_ids]).unique(maintain_order=True)
    users, items = _read_sequences(interactions, everyone, before)
    shape = (len(everyone), len(everyone))
    total = sp.csr_matrix(shape, dtype=np.float64)
    for lag in range(1, window + 1):
        together = (users[lag:] == users[:-lag]) & (items[lag:] != items[:-lag])
        first, second = items[:-lag][together], items[lag:][together]
        total = total + sp.coo_matrix((np.ones(len(first)), (first, second)), shape=shape).tocsr()
    both = (total + total.T).tocsr()
    if len(everyone) == len(known_ids) and item_ids.equals(known_ids):
        return both
    rows = item_ids.to_frame("item_id").join(
        everyone.to_frame("item_id").with_row_index("row"),
        on="item_id",
        how="left",
        maintain_order="left",
    )["row"]
    return both[rows.to_numpy()][:, : len(known_ids)].tocsr()


def _read_sequences(
    interactions: pl.LazyFrame, item_ids: pl.Series, before: datetime | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return (user, item) indices of the interactions, by user, then time."""
    rows = item_ids.to_frame("item_id").with_row_index("item").lazy()
    ordered = (
        _until(interactions, before)
        .select("user_id", "item_id", "timestamp")
        .join(rows, on="item_id")
        .select(pl.col("user_id").hash(seed=0).alias("user"), "timestamp", "item")
        .sort("user", "timestamp", "item")
        .select("user", "item")
        .collect(engine="streaming")
    )
    return ordered["user"].to_numpy(), ordered["item"].to_numpy().astype(np.int32)


def _until(interactions: pl.LazyFrame, before: datetime | None) -> pl.LazyFrame:
    return interactions if before is None else interactions.filter(pl.col("timestamp") < before)


def _weigh_pairs(pairs: sp.csr_matrix, context: np.ndarray, shift: float) -> sp.csr_matrix:
    """Return max(PMI - log shift, 0) of each cell; contexts of no weight count for nothing."""
    cells = pairs.tocoo()
    totals = np.asarray(pairs.sum(axis=1)).ravel()
    expected = totals[cells.row] * context[cells.col]
    usable = expected > 0
    row, column = cells.row[usable], cells.col[usable]
    information = np.log(cells.data[usable] / expected[usable]) - np.log(shift)
    kept = information > 0
    return sp.csr_matrix((information[kept], (row[kept], column[kept])), shape=pairs.shape)
