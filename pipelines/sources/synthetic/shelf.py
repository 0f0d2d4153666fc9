"""The items of the world: which topic each is about, when it appears, how popular it is when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.sources.synthetic.config import SyntheticConfig

PERIOD_DAYS = 7
"""How long popularity stands still. Part of the frozen world (docs/research/synthetic-world.md):
another value makes another world, to be measured anew."""
SHARE_FROM_THE_START = 0.6
"""Of the items; the others appear later. Frozen."""
FRESH_BOOST = 2.0
"""By how much an item is more popular when it appears. Frozen."""
FRESH_DAYS = 14.0
"""In which that falls to a part of e. Frozen."""
ID_DIGITS = 7
"""Ids of ten million items sort as their numbers do."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Shelf:
    """All items, those of a topic side by side; an item's row is its index here.

    Attributes:
        topic_of_item: [n_items], ascending.
        starts: [n_topics + 1], where each topic's items begin.
        numbers: [n_items], the number in the item's id, dealt so that ids tell nothing.
        births: [n_items], day of appearance; 0 for those there from the start.
        cumulative: [n_periods, n_items + 1], running sum of popularity over the rows.
    """

    topic_of_item: Integers
    starts: Integers
    numbers: Integers
    births: Floats
    cumulative: Floats

    @property
    def n_items(self) -> int:
        """How many items there are."""
        return len(self.topic_of_item)

    @property
    def item_ids(self) -> pl.Series:
        """The ids of the items, in the order of the shelf."""
        return number_ids("item", self.numbers)

    def choose(self, topics: Integers, days: Floats, luck: Floats) -> Integers:
        """Return the row of one item per event, by popularity within topic at that time.

        Args:
            topics: [n_events]
            days: [n_events], time since the world's start.
            luck: [n_events], uniform in [0, 1): the randomness of the choice.
        """
        rows = np.empty(len(topics), dtype=np.int64)
        periods = np.minimum((days / PERIOD_DAYS).astype(np.int64), len(self.cumulative) - 1)
        for period in np.unique(periods):
            here = periods == period
            row = self.cumulative[period]
            low = row[self.starts[topics[here]]]
            high = row[self.starts[topics[here] + 1]]
            rows[here] = np.searchsorted(row, low + luck[here] * (high - low), side="right") - 1
        # a rounding error at the upper edge must not reach into the next topic
        return np.clip(rows, self.starts[topics], self.starts[topics + 1] - 1)


def number_ids(kind: str, numbers: Integers) -> pl.Series:
    """Return ids such as ``item-0000042``: sorting the texts sorts the numbers."""
    digits = pl.Series(numbers).cast(pl.String).str.zfill(ID_DIGITS)
    return f"{kind}-" + digits


def fill_shelf(n_topics: int, config: SyntheticConfig, rng: np.random.Generator) -> Shelf:
    """Lay out the items: topics of slightly unequal size, Zipf popularity, births and drift."""
    sizes = _share_out(config.n_items, np.exp(rng.normal(0, 0.15, n_topics)))
    starts = np.concatenate([[0], np.cumsum(sizes)])
    topic_of_item = np.repeat(np.arange(n_topics), sizes)
    rank = np.arange(config.n_items) - starts[topic_of_item]
    is_old = rank < np.ceil(SHARE_FROM_THE_START * sizes[topic_of_item])
    births = np.where(is_old, 0.0, rng.uniform(0, config.days, config.n_items))
    # popularity ranks are dealt anew, so that births say nothing about popularity
    order = np.lexsort((rng.random(config.n_items), topic_of_item))
    zipf = np.empty(config.n_items)
    zipf[order] = (1.0 + rank) ** -config.item_skew
    cumulative = _popularity_over_time(zipf, is_old, births, config, rng)
    numbers = rng.permutation(config.n_items)
    return Shelf(topic_of_item, starts, numbers, births, cumulative)


def _popularity_over_time(
    zipf: Floats,
    is_old: NDArray[np.bool_],
    births: Floats,
    config: SyntheticConfig,
    rng: np.random.Generator,
) -> Floats:
    """Return the running sums: Zipf x random walk x a boost that fades with an item's age."""
    n_periods = -(-config.days // PERIOD_DAYS)
    cumulative = np.zeros((n_periods, len(zipf) + 1))
    walk = np.zeros(len(zipf))
    for period in range(n_periods):
        age = period * PERIOD_DAYS - births
        boost = 1 + np.where(is_old, 0, FRESH_BOOST * np.exp(-np.maximum(age, 0) / FRESH_DAYS))
        alive = is_old | (age >= 0)
        np.cumsum(zipf * np.exp(walk) * boost * alive, out=cumulative[period, 1:])
        # shrinking keeps the walk within bounds however long the world lasts
        walk = 0.9 * walk + config.item_drift * rng.normal(size=len(zipf))
    return cumulative


def _share_out(total: int, weights: Floats) -> Integers:
    """Return whole numbers, at least 1 each, that sum to ``total`` in proportion to weights."""
    extra = total - len(weights)
    shares = weights / weights.sum() * extra
    sizes = np.floor(shares).astype(np.int64)
    largest_rests = np.argsort(sizes - shares, kind="stable")[: extra - sizes.sum()]
    sizes[largest_rests] += 1
    return np.asarray(sizes + 1, dtype=np.int64)
