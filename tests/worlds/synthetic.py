"""Synthetic worlds with their truth, and rankings of novel topics to hold their difficulty to.

Topics stand in for clusters here, so that the world is judged and not a clustering of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl

from expectations.contracts.tables import INTERACTIONS, ITEMS
from pipelines.io.artefact_io import read_table
from pipelines.sources.synthetic.config import SyntheticConfig
from pipelines.sources.synthetic.mechanism import Mechanism
from pipelines.sources.synthetic.truth import TRUE_INTERESTS, Truth, interests_path, read_truth
from pipelines.sources.synthetic.world import write_world
from training.evaluation.metrics import recall_at_k

CATALOGUE = Path(__file__).parents[2] / "pipelines/sources/synthetic/catalogue.yaml"
POSITIVE_THRESHOLD = 4.0
SMALL = SyntheticConfig(n_users=200, n_items=256)
BACK_OFF = 20.0  # pseudo-counts handed from the pair to its members, and from those to popularity

Scorer = Callable[["NoveltyCase"], np.ndarray]


@dataclass(frozen=True)
class World:
    """A world as written, and as read back."""

    folder: Path
    items: pl.DataFrame
    interactions: pl.DataFrame
    truth: Truth
    interests: pl.DataFrame

    @property
    def n_topics(self) -> int:
        return self.truth.mechanism.n_topics


@dataclass(frozen=True)
class NoveltyCase:
    """What was known of a user at a time, and the novel topics liked afterwards."""

    history: tuple[int, ...]  # distinct liked topics, newest first
    consumed: frozenset[int]
    positives: frozenset[int]


@dataclass(frozen=True)
class Adoption:
    """A novel topic liked, with the topics liked before it, newest first."""

    history: tuple[int, ...]
    topic: int


def make_world(folder: Path, config: SyntheticConfig = SMALL, seed: int = 0) -> World:
    """Write a world below ``folder`` and read it back."""
    items, interactions = folder / "items.parquet", folder / "interactions.parquet"
    truth = folder / "truth"
    write_world(
        CATALOGUE,
        config,
        seed,
        POSITIVE_THRESHOLD,
        items_path=items,
        interactions_path=interactions,
        truth_folder=truth,
    )
    return World(
        folder,
        read_table(items, ITEMS),
        read_table(interactions, INTERACTIONS),
        read_truth(truth),
        read_table(interests_path(truth), TRUE_INTERESTS),
    )


def observe(world: World, origin: datetime) -> tuple[list[Adoption], list[NoveltyCase]]:
    """Return all adoptions before ``origin``, and one case per user with positives after it."""
    adoptions: list[Adoption] = []
    cases: list[NoveltyCase] = []
    for topics, is_positive, is_past in _walk_users(world, origin):
        history: list[int] = []
        consumed: set[int] = set()
        positives: set[int] = set()
        for topic, liked, past in zip(topics, is_positive, is_past, strict=True):
            is_novel = topic not in consumed
            if past:
                if liked and is_novel:
                    adoptions.append(Adoption(tuple(history), topic))
                if liked:
                    history = [topic, *(other for other in history if other != topic)]
                consumed.add(topic)
            elif liked and is_novel:
                positives.add(topic)
        if history and positives:
            cases.append(NoveltyCase(tuple(history), frozenset(consumed), frozenset(positives)))
    return adoptions, cases


def recall_of(score: Scorer, cases: list[NoveltyCase], k: int = 10) -> float:
    """Return mean recall@k over the cases, consumed topics dropped, ties by topic id."""
    values = []
    for case in cases:
        scores = np.array(score(case), dtype=float)
        scores[list(case.consumed)] = -np.inf
        ranked = np.argsort(-scores, kind="stable")[:k].tolist()
        values.append(recall_at_k(ranked, case.positives, k))
    return float(np.mean(values))


def oracle(mechanism: Mechanism) -> Scorer:
    """Score by the true law, given the topics that were seen to be liked."""

    def score(case: NoveltyCase) -> np.ndarray:
        touched = np.zeros((1, mechanism.n_topics), dtype=bool)
        touched[0, list(case.history)] = True
        return mechanism.attraction(touched)[0]

    return score


def popularity(adoptions: list[Adoption], n_topics: int) -> Scorer:
    """Score by how often a topic was adopted."""
    counts = np.bincount([adoption.topic for adoption in adoptions], minlength=n_topics)
    return lambda case: counts


def pair_counts(adoptions: list[Adoption], n_topics: int, newest: int = 2) -> Scorer:
    """Score by what followed the same newest pair, backed off to its members, then popularity."""
    general = popularity(adoptions, n_topics)(None)  # type: ignore[arg-type]
    general = general / general.sum()
    singles = np.zeros((n_topics, n_topics))
    pairs = np.zeros((n_topics, n_topics, n_topics), dtype=np.float32)
    for adoption in adoptions:
        context = sorted(adoption.history[:newest])
        singles[context, adoption.topic] += 1
        if len(context) == 2:
            pairs[context[0], context[1], adoption.topic] += 1
    member = _back_off(singles, general)

    def score(case: NoveltyCase) -> np.ndarray:
        context = sorted(case.history[:newest])
        backed = member[context].mean(axis=0)
        return _back_off(pairs[context[0], context[1]], backed) if len(context) == 2 else backed

    return score


def _back_off(counts: np.ndarray, prior: np.ndarray) -> np.ndarray:
    return (counts + BACK_OFF * prior) / (counts.sum(axis=-1, keepdims=True) + BACK_OFF)


def _walk_users(
    world: World, origin: datetime
) -> Iterator[tuple[list[int], list[bool], list[bool]]]:
    topics = pl.DataFrame(
        {
            "item_id": list(world.truth.topic_of_item),
            "topic": list(world.truth.topic_of_item.values()),
        }
    )
    users = (
        world.interactions.join(topics, on="item_id", how="left", maintain_order="left")
        .group_by("user_id", maintain_order=True)
        .agg("topic", "is_positive", past=pl.col("timestamp") < origin)
    )
    return users.select("topic", "is_positive", "past").iter_rows()
