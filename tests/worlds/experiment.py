"""A world of six clusters in which the right novel cluster of every user is known.

Users like clusters 0 and 1, and would like cluster 2, which they have not met. Clusters 3 to 5
leave them cold. The ordinary recommender shows what is like the liked, so it never leaves the
clusters it knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import numpy as np
import polars as pl

from expectations.contracts.values import all_contexts
from inference.experiment.arms import System
from inference.experiment.environment import Environment
from inference.experiment.participants import Participant
from inference.plans.config import PlanConfig
from inference.table.plan_table import PlanTable
from tests.worlds.alignment import keep_order
from training.clusters.distance import climb
from training.recommender.protocol import ScoredItem

N_CLUSTERS = 6
ITEMS_PER_CLUSTER = 60
ITEM_IDS = tuple(f"c{c}-{n:02d}" for c in range(N_CLUSTERS) for n in range(ITEMS_PER_CLUSTER))
CLUSTER_OF_ITEM = {item: int(item[1]) for item in ITEM_IDS}
LIKED, WANTED = (0, 1), 2


class Cautious:
    """A team's own recommender: items of the clusters liked lately, in order of id."""

    @property
    def item_ids(self) -> tuple[str, ...]:
        return ITEM_IDS

    def top_items(
        self,
        recent_items: Sequence[str],
        clusters: Sequence[int] | None,
        exclude: AbstractSet[str],
        k: int,
    ) -> list[ScoredItem]:
        liked = {CLUSTER_OF_ITEM[item] for item in recent_items}
        ranked = sorted(
            ITEM_IDS, key=lambda item: (CLUSTER_OF_ITEM[item] not in liked, int(item[3:]))
        )
        allowed = [
            item
            for item in ranked
            if item not in exclude and (clusters is None or CLUSTER_OF_ITEM[item] in clusters)
        ]
        return [ScoredItem(item, CLUSTER_OF_ITEM[item], 0.0) for item in allowed[:k]]


def make_table(first: int) -> PlanTable:
    """Return a table whose every row has cluster ``first`` at its head."""
    rows = []
    for pair in all_contexts(N_CLUSTERS):
        others = [c for c in range(N_CLUSTERS) if c not in pair.members]
        ranked = sorted(others, key=lambda cluster: (cluster != first, cluster))
        rows.append((pair.key, ranked, [-1.0 - place for place in range(len(ranked))]))
    frame = pl.DataFrame(rows, schema=["context_key", "novel_clusters", "scores"], orient="row")
    return PlanTable.from_frame(frame, N_CLUSTERS)


def make_system(first: int = WANTED) -> System:
    """Return a system that plans ``first`` before all else."""
    plan = PlanConfig.model_validate({})
    alignment = keep_order(N_CLUSTERS)
    return System(
        Cautious(), make_table(first), plan, alignment, climb([], N_CLUSTERS), CLUSTER_OF_ITEM
    )


def make_participants(n_users: int) -> list[Participant]:
    """Return users who have liked one item of each of the clusters 0 and 1."""
    return [
        Participant(
            f"u{user:03d}",
            ("c1-00", "c0-00"),
            frozenset({"c1-00", "c0-00"}),
            (1, 0),
            frozenset({0, 1}),
        )
        for user in range(n_users)
    ]


def make_environment(n_users: int) -> Environment:
    """Return an environment in which topics are the clusters."""
    affinity = np.tile([0.9, 0.9, 0.9, 0.0, 0.0, 0.0], (n_users, 1))
    is_untouched = np.zeros((n_users, N_CLUSTERS), dtype=bool)
    is_untouched[:, WANTED] = True
    return Environment(
        affinity=affinity,
        is_untouched=is_untouched,
        item_ids=ITEM_IDS,
        topic_of_item=np.array([CLUSTER_OF_ITEM[item] for item in ITEM_IDS]),
        feedback_law=lambda affinity, noise: 5 * affinity + 0 * noise,
        positive_threshold=4.0,
    )
