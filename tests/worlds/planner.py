"""Worlds for the planner: clusters with made-up names, and people whose next interest is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from expectations.contracts.values import HISTORY_SIZE, ClusterContext
from training.clusters.distance import climb
from training.clusters.tree_view import ServingClusters

ADJECTIVES = ("wild", "slow", "urban", "classic", "modern", "folk", "winter", "alpine", "night")
NOUNS = (
    "jazz guitar", "sourdough baking", "trail running", "film cameras", "board games",
    "orchid growing", "rock climbing", "street chess", "model trains", "cheese making",
    "river kayaking", "star gazing", "wood carving", "indie comics", "vintage radios",
    "pottery glazing", "choir singing", "bird watching", "motor repair", "tea tasting",
)  # fmt: skip
BEGINNING = datetime(2024, 1, 1, tzinfo=UTC)
HISTORY_CAP = 8


@dataclass(frozen=True)
class PlannerWorld:
    """Clusters, a catalogue and transitions, as the upstream tables would bring them.

    ``affinity`` is the planted truth where there is one: log-preference of a user who has the
    row's cluster for the column's, [n_clusters, n_clusters].
    """

    clusters: ServingClusters
    items: pl.DataFrame
    transitions: pl.DataFrame
    affinity: np.ndarray

    @property
    def descriptions(self) -> tuple[str, ...]:
        return self.clusters.descriptions


def name_clusters(n_clusters: int, rng: np.random.Generator) -> tuple[str, ...]:
    """Return distinct phrases of two to four words; many share their first word."""
    phrases = [noun for noun in NOUNS] + [f"{a} {n}" for a in ADJECTIVES for n in NOUNS]
    return tuple(phrases[index] for index in rng.permutation(len(phrases))[:n_clusters])


@dataclass(frozen=True)
class PlantedSignal:
    """A collective signal that anybody can compute: cluster c is as likely as c + 1 says."""

    n_clusters: int

    def score_batch(self, contexts: Sequence[ClusterContext]) -> NDArray[np.float64]:
        shares = np.tile(np.arange(1.0, self.n_clusters + 1), (len(contexts), 1))
        for row, context in enumerate(contexts):
            shares[row, list(context.members)] = 0.0
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(shares / shares.sum(axis=1, keepdims=True)))


def planned_rule_world(n_clusters: int = 6, copies: int = 3) -> PlannerWorld:
    """A world where each pair of clusters has exactly one right answer.

    The answer to (a, b) is the first cluster from (a + b) mod n on that is neither.
    """
    descriptions = name_clusters(n_clusters, np.random.default_rng(0))
    rows: list[tuple[list[int], int]] = []
    for first in range(n_clusters):
        for second in range(n_clusters):
            if first != second:
                target = answer_of(first, second, n_clusters)
                rows.extend(([first, second], target) for _ in range(copies))
    affinity = np.zeros((n_clusters, n_clusters))
    return _world(descriptions, rows, np.zeros(len(rows)), affinity, validation_share=0.3)


def answer_of(first: int, second: int, n_clusters: int) -> int:
    """The one right answer of :func:`planned_rule_world`."""
    target = (first + second) % n_clusters
    while target in (first, second):
        target = (target + 1) % n_clusters
    return target


def co_interest_world(
    n_clusters: int = 64, n_users: int = 3000, seed: int = 0, strength: float = 2.5
) -> PlannerWorld:
    """Users with a few latent interests who reach one cluster after the other.

    Each next cluster is drawn by affinity to a recent one plus the cluster's popularity.
    """
    rng = np.random.default_rng(seed)
    descriptions = name_clusters(n_clusters, rng)
    places = rng.normal(size=(n_clusters, 6))
    places /= np.linalg.norm(places, axis=1, keepdims=True)
    popularity = rng.normal(scale=0.6, size=n_clusters)
    affinity = strength * places @ places.T
    rows, times = [], []
    for _ in range(n_users):
        length = min(int(rng.integers(3, 12)), n_clusters)
        touched = [int(rng.integers(n_clusters))]
        start = rng.random()
        for step in range(1, length):
            pull = affinity[touched[-6:]].mean(axis=0) * min(2.5, len(touched)) + popularity
            pull[touched] = -np.inf
            share = np.exp(pull - pull.max())
            target = int(rng.choice(n_clusters, p=share / share.sum()))
            rows.append((touched[::-1][:HISTORY_CAP], target))
            times.append(start + 0.01 * step)
            touched.append(target)
    return _world(descriptions, rows, np.array(times), affinity, validation_share=0.1)


def _world(
    descriptions: tuple[str, ...],
    rows: list[tuple[list[int], int]],
    times: np.ndarray,
    affinity: np.ndarray,
    validation_share: float,
) -> PlannerWorld:
    n_items = 4 * len(descriptions)
    item_ids = tuple(f"i{index:05d}" for index in range(n_items))
    cluster_of_item = np.arange(n_items) % len(descriptions)
    names = [descriptions[cluster] for cluster in cluster_of_item]
    clusters = ServingClusters(
        level=0,
        descriptions=descriptions,
        shown=descriptions,
        ancestors=climb([], len(descriptions)),
        item_ids=item_ids,
        cluster_of_item=cluster_of_item,
    )
    items = pl.DataFrame(
        {
            "item_id": item_ids,
            "title": [f"A book of {name}" for name in names],
            "text": [f"All about {name}, with pictures." for name in names],
            "category_path": pl.Series([None] * n_items, dtype=pl.List(pl.String)),
        }
    )
    order = np.argsort(times, kind="stable")
    n_train = round(len(rows) * (1 - validation_share))
    rule_world = not times.any()
    frames = []
    for place, index in enumerate(order.tolist()):
        history, target = rows[index]
        frames.append(
            {
                "split": "train" if rule_world or place < n_train else "validation",
                "user_id": f"u{index:06d}",
                "event_timestamp": BEGINNING + timedelta(minutes=place),
                "history_clusters": history,
                "consumed_clusters": history[::-1],
                "context": sorted(history[:HISTORY_SIZE]),
                "target_cluster": target,
            }
        )
    if rule_world:  # one right answer: what was learned is what is asked
        frames += [
            {**row, "split": "validation", "user_id": "v" + row["user_id"]} for row in frames
        ]
    return PlannerWorld(clusters, items, pl.DataFrame(frames), affinity)
