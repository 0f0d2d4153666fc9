"""Joins what an item says with who is interested in it: one unit vector per item."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from training.clusters.config import RepresentationConfig
from training.clusters.representation.collaborative import (
    CollaborativeEncoder,
    count_interactions,
    fit_collaborative,
)
from training.clusters.representation.reduction import scale_to_unit
from training.clusters.representation.text_vectors import TextEncoder, fit_text

EXPECTATION_RIDGE = 1.0
"""Of the regression from text to collaborative vectors, in items of full weight: it only keeps the
equations solvable where there are fewer items than dimensions."""


@dataclass(frozen=True)
class Representation:
    """What is clustered.

    Attributes:
        item_ids: ascending, ``[n_items]``.
        vectors: unit rows, float32 ``[n_items, text_dimensions + collaborative_dimensions]``.
        collaborative: the observed collaborative part alone, unit rows or zero, float32
            ``[n_items, d]``; the last d columns of ``vectors`` hold its share of them.
        traffic: training interactions of each item, int64 ``[n_items]``.
    """

    item_ids: pl.Series
    vectors: np.ndarray
    collaborative: np.ndarray
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


@dataclass(frozen=True)
class ItemEncoder:
    """Gives any item its vector: those it was fitted on and those that come later.

    The two unit vectors of an item are laid side by side and scaled so that the collaborative one
    takes a share of the squared length: ``guessed_weight`` for an item nobody has touched, up to
    ``collaborative_weight`` for one with many interactions. Where interactions are few the
    collaborative vector leans on what the text lets expect: observed and expected vectors are
    blended as n to ``shrinkage``, for n interactions. An item that lacks text is represented by
    its collaborative vector; one that lacks both takes ``unknown``.

    Attributes:
        config: the weights.
        text: encodes items by their text.
        collaborative: encodes items by who acted on them.
        expectation: from a text vector to the collaborative one to expect, float64
            ``[d_text, d]``.
        unknown: vector of an item of which nothing is known, unit, float32 ``[d_text + d]``.
    """

    config: RepresentationConfig
    text: TextEncoder
    collaborative: CollaborativeEncoder
    expectation: np.ndarray
    unknown: np.ndarray

    def represent(
        self, items: pl.DataFrame, interactions: pl.LazyFrame, before: datetime | None = None
    ) -> Representation:
        """Represent items, new or known, as :func:`fit_items` represented those it saw.

        Args:
            items: the table ITEMS.
            interactions: the table INTERACTIONS, with all that the users of these items did.
            before: interactions from this time on are not looked at; ``None`` looks at all.
        """
        catalogue = items.sort("item_id")
        item_ids = catalogue["item_id"]
        traffic = count_interactions(interactions, item_ids, before)
        collaborative = self.collaborative.encode(item_ids, interactions, before)
        joined = join_parts(
            self.text.encode(catalogue), collaborative, traffic, self.expectation, self.config
        )
        vectors = np.where(joined.any(axis=1, keepdims=True), joined, self.unknown)
        return Representation(item_ids, vectors, collaborative, traffic)


def fit_items(
    items: pl.DataFrame,
    interactions: pl.LazyFrame,
    before: datetime,
    config: RepresentationConfig,
    rng: np.random.Generator,
) -> tuple[ItemEncoder, Representation]:
    """Fit the encoder on items and on the interactions before a time; represent these items.

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
    collaborative_encoder, collaborative = fit_collaborative(
        item_ids, interactions, before, config, rng
    )
    text_encoder, text = fit_text(catalogue, collaborative, config, rng)
    expectation = _learn_expectation(text, collaborative, traffic, config)
    joined = join_parts(text, collaborative, traffic, expectation, config)
    is_known = np.any(joined, axis=1, keepdims=True)
    # where nothing is known of any item, all are alike
    middle = joined.sum(axis=0) if np.any(is_known) else np.ones(joined.shape[1])
    unknown = scale_to_unit(middle[None, :])[0]
    encoder = ItemEncoder(config, text_encoder, collaborative_encoder, expectation, unknown)
    vectors = np.where(is_known, joined, unknown)
    return encoder, Representation(item_ids, vectors, collaborative, traffic)


def join_parts(
    text: np.ndarray,
    collaborative: np.ndarray,
    traffic: np.ndarray,
    expectation: np.ndarray,
    config: RepresentationConfig,
) -> np.ndarray:
    """Return the joined vectors, unit rows or zero; see :class:`ItemEncoder`."""
    trust = _trust(collaborative, traffic, config)[:, None]
    blended = scale_to_unit(trust * collaborative + (1 - trust) * (text @ expectation))
    share = config.guessed_weight + (config.collaborative_weight - config.guessed_weight) * trust
    share = np.where(blended.any(axis=1, keepdims=True), share, 0.0)
    share = np.where(text.any(axis=1, keepdims=True), share, 1.0)
    return scale_to_unit(np.hstack([text * np.sqrt(1 - share), blended * np.sqrt(share)]))


def _trust(
    collaborative: np.ndarray, traffic: np.ndarray, config: RepresentationConfig
) -> np.ndarray:
    """Return how far the observed collaborative vector of each item is believed, 0 to 1."""
    share = traffic / np.maximum(traffic + config.shrinkage, 1e-12)
    trust: np.ndarray = np.where(collaborative.any(axis=1), share, 0.0)
    return trust


def _learn_expectation(
    text: np.ndarray, collaborative: np.ndarray, traffic: np.ndarray, config: RepresentationConfig
) -> np.ndarray:
    """Return the ridge regression from text to collaborative vectors, items weighted by trust."""
    trust = _trust(collaborative, traffic, config)[:, None]
    weighted = trust * text.astype(np.float64)
    grams = text.T.astype(np.float64) @ weighted + EXPECTATION_RIDGE * np.eye(text.shape[1])
    solved: np.ndarray = np.linalg.solve(grams, weighted.T @ collaborative.astype(np.float64))
    return solved
