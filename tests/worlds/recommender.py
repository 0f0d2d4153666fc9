"""A world of chains: after an item its successor follows, so the right next item is known.

Clusters are rings of items. A user enters a ring anywhere and walks along it; now and then
(``noise``) the step goes to any item instead.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from training.recommender.config import RecommenderConfig
from training.recommender.data.histories import read_sequences
from training.recommender.data.layout import ItemLayout, arrange_items
from training.recommender.fitting.fit import fit_recommender
from training.recommender.model.recommender import SequenceRecommender

START = datetime(2024, 1, 1, tzinfo=UTC)
N_CLUSTERS = 4
RING = 10
"""Items of each cluster."""


def item_name(cluster: int, place: int) -> str:
    """Return an id whose alphabetical order is not that of clusters."""
    return f"i{place % RING:02d}{'abcd'[cluster]}"


def make_layout() -> ItemLayout:
    """Return the layout of the world's items."""
    names = [(item_name(c, p), c) for p in range(RING) for c in range(N_CLUSTERS)]
    ids, clusters = zip(*names, strict=True)
    return arrange_items(ids, np.array(clusters), N_CLUSTERS)


def successor(item: str) -> str:
    """Return the item that follows on the ring."""
    return item_name("abcd".index(item[-1]), int(item[1:3]) + 1)


def walk(n_users: int, n_steps: int, noise: float, seed: int) -> list[list[str]]:
    """Return the items of each user, oldest first."""
    rng = np.random.default_rng(seed)
    everything = list(make_layout().item_ids)
    walks = []
    for _ in range(n_users):
        item = everything[rng.integers(len(everything))]
        steps = [item]
        for _ in range(n_steps - 1):
            item = successor(item)
            if rng.random() < noise:
                item = everything[rng.integers(len(everything))]
            steps.append(item)
        walks.append(steps)
    return walks


def make_interactions(walks: list[list[str]]) -> pl.LazyFrame:
    """Return the walks as INTERACTIONS, one step an hour, everything positive."""
    rows = [
        (f"u{user:03d}", item, START + timedelta(hours=step))
        for user, steps in enumerate(walks)
        for step, item in enumerate(steps)
    ]
    return pl.LazyFrame(
        rows,
        schema={
            "user_id": pl.String,
            "item_id": pl.String,
            "timestamp": pl.Datetime("us", "UTC"),
        },
        orient="row",
    ).with_columns(
        feedback=pl.lit(None, dtype=pl.Float32),
        is_positive=pl.lit(True),
    )


SMALL = RecommenderConfig(
    dimension=16,
    n_layers=1,
    max_length=8,
    dropout=0.1,
    max_epochs=8,
    batch_tokens=128,
    learning_rate=0.02,
    patience=3,
)
"""Settings that learn the chains within a second."""


def fit_small(seed: int = 0, config: RecommenderConfig = SMALL) -> SequenceRecommender:
    """Return a recommender fitted on 150 walks of ten steps, a tenth of them astray."""
    interactions = make_interactions(walk(150, 10, noise=0.1, seed=0))
    layout = make_layout()
    _, sequences = read_sequences(interactions, layout, START + timedelta(days=1))
    return fit_recommender(sequences, layout, config, seed)
