"""Joins what an item says with who is interested in it: one unit vector per item."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from training.clusters.collaborative import count_interactions, encode_interactions
from training.clusters.config import RepresentationConfig
from training.clusters.reduction import scale_to_unit
from training.clusters.text_vectors import encode_text


@dataclass(frozen=True)
class Representation:
    """What is clustered.

    Attributes:
        item_ids: ascending, ``[n_items]``.
        vectors: unit rows, float32 ``[n_items, text_dimensions + collaborative_dimensions]``.
        company: the collaborative part alone, unit rows or zero, float32 ``[n_items, d]``.
        traffic: training interactions of each item, int64 ``[n_items]``.
    """

    item_ids: pl.Series
    vectors: np.ndarray
    company: np.ndarray
    traffic: np.ndarray

    @property
    def top_item_share(self) -> float:
        """Share of the traffic that the most popular item has; 0 where there is no traffic."""
        return float(self.traffic.max() / max(self.traffic.sum(), 1))

    def to_frame(self) -> pl.DataFrame:
        """Return the table ITEM_EMBEDDINGS."""
        width = self.vectors.shape[1]
        embedding = pl.Series("embedding", self.vectors, dtype=pl.Array(pl.Float32, width))
        return pl.DataFrame([self.item_ids, embedding.cast(pl.List(pl.Float32))])


def represent_items(
    items: pl.DataFrame,
    interactions: pl.LazyFrame,
    before: datetime,
    config: RepresentationConfig,
    rng: np.random.Generator,
) -> Representation:
    """Represent every item by its text and by the interactions before a time.

    The two unit vectors are laid side by side, scaled so that the collaborative one takes the
    share ``collaborative_weight * n / (n + shrinkage)`` of the squared length for an item with
    ``n`` interactions. An item that lacks one of them is represented by the other; one that lacks
    both takes the mean of all.

    Args:
        items: the table ITEMS.
        interactions: the table INTERACTIONS, of any period.
        before: nothing from this time on is looked at.
        config: the encoders and their weights.
        rng: seeds both SVDs.
    """
    catalogue = items.sort("item_id")
    item_ids = catalogue["item_id"]
    traffic = count_interactions(interactions, item_ids, before)
    company = encode_interactions(interactions, item_ids, before, config, rng)
    text = encode_text(catalogue, company, config, rng)
    vectors = _join(text, company, traffic, config)
    return Representation(item_ids, vectors, company, traffic)


def _join(
    text: np.ndarray, company: np.ndarray, traffic: np.ndarray, config: RepresentationConfig
) -> np.ndarray:
    share = config.collaborative_weight * traffic / np.maximum(traffic + config.shrinkage, 1e-12)
    share = np.where(company.any(axis=1), share, 0.0)
    share = np.where(text.any(axis=1), share, 1.0)[:, None]
    joined = np.hstack([text * np.sqrt(1 - share), company * np.sqrt(share)])
    placed = joined.any(axis=1)
    if not placed.any():  # nothing is known of any item: all are alike
        return scale_to_unit(np.ones_like(joined))
    joined[~placed] = joined[placed].mean(axis=0)
    return scale_to_unit(joined)
