"""Rows with places for families: a plan leads far where near clusters alone would fill a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from expectations.contracts.values import ClusterContext
from inference.evaluation.case_table import fill_case_table
from inference.plans.combine import plan_batch
from inference.plans.config import Mix, PlanConfig
from inference.search.config import TableConfig
from inference.search.ranking import RankEverything, depth_of_best, families_of
from training.alignment.reference_plans import NOBODY
from training.clusters.distance import DISTANCES, climb

PER_FAMILY, N_FAMILIES = 20, 8
N = PER_FAMILY * N_FAMILIES  # more than rows rank whole
TREE = climb([np.array([0, 0, 0, 0, 1, 1, 1, 1]), np.arange(N) // PER_FAMILY], N)
MIX = Mix(adjacent=1, new_family=2, new_field=2)


@dataclass(frozen=True)
class NearFirst:
    """Likes what lies near a context's first member, by families and fields, best ids first."""

    def score_batch(self, contexts: Sequence[ClusterContext]) -> np.ndarray:
        codes = TREE.distances_of([context.members[:1] for context in contexts])
        return -4.0 * np.maximum(codes, 0) - np.arange(N) / 1000


def plan(config: TableConfig) -> tuple[list[int], list[str]]:
    """The first ten places of somebody who knows two clusters of a family, and how far they are."""
    history, ranker = [1, 0], RankEverything(NearFirst(), families_of(TREE), config)
    settings = PlanConfig(mix=MIX, personal_mix=False, table_depth=depth_of_best(N, config))
    table = fill_case_table(ranker, N, [history], config, settings)
    batch = plan_batch([history], [history], table, TREE, settings, 10, NOBODY)
    (clusters,) = batch.rankings()
    codes = TREE.distances_from(history)
    return clusters, [DISTANCES[code] for code in codes[clusters]]


@pytest.mark.parametrize("depth", [50, 10])
def test_a_dealt_plan_has_its_far_places(depth: int) -> None:
    near, _ = plan(TableConfig(depth=depth, per_family=0))
    assert not set(near) & set(range(N // 2, N))  # a row has no cluster of the other field
    clusters, distances = plan(TableConfig(depth=depth, per_family=4))
    assert [distances.count(name) for name in DISTANCES] == [2, 4, 4]
    # they are those of whole rows: the best of each distance
    whole = plan(TableConfig(whole_up_to=N))
    assert (clusters, distances) == whole


def test_a_tree_of_one_level_has_no_families() -> None:
    assert families_of(climb([], 3)) == (0, 0, 0)
    assert families_of(TREE)[::PER_FAMILY] == tuple(range(N_FAMILIES))
