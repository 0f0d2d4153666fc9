"""The last step of the plan: one request gets the order that evaluation measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.contracts.values import NO_CLUSTER, ClusterContext
from inference.evaluation.plan_scores import score_served
from inference.plans.align import align_batch, align_plan, align_scores
from inference.plans.combine import contexts_to_look_up, plan_batch, plan_for
from inference.plans.config import Mix, PlanConfig
from inference.plans.deal import place_clusters
from inference.plans.personal_mix import find_mixes
from inference.table.plan_table import PlanTable
from tests.worlds.alignment import draw_alignment, draw_reference
from tests.worlds.planning import make_table
from training.clusters.distance import DISTANCES, climb
from training.evaluation.clusters.cases import PlannerCases

N = 12
TABLE = PlanTable.from_frame(make_table(np.random.default_rng(4).normal(-4, 2, size=(N, N))), N)
TREE = climb([np.array([0, 0, 1, 1]), np.arange(N) // 3], N)
REFERENCE = draw_reference(np.random.default_rng(6), 40, N)
ALIGNMENT = replace(draw_alignment(np.random.default_rng(5), N), reference=REFERENCE)
CONFIGS = st.builds(
    PlanConfig,
    best_of=st.integers(1, N + 3),
    novelty=st.sampled_from(DISTANCES),
    mix=st.sampled_from([None, Mix(adjacent=1, new_family=2, new_field=2)]),
    mix_of_all=st.booleans(),
    personal_mix=st.booleans(),
)
HISTORIES = st.lists(st.integers(0, N - 1), unique=True, max_size=6)
USERS = st.lists(st.tuples(HISTORIES, HISTORIES), min_size=1, max_size=5)


@settings(max_examples=150, deadline=None)
@given(USERS, CONFIGS)
def test_one_request_gets_the_order_that_evaluation_measured(
    users: list[tuple[list[int], list[int]]], plan: PlanConfig
) -> None:
    states = [history for history, _ in users], [consumed for _, consumed in users]
    best_of = plan.best_of
    whole = plan_batch(*states, TABLE, TREE, plan, N, REFERENCE)
    aligned = align_batch(whole, *states, ALIGNMENT, plan)
    for row, (history, consumed) in enumerate(users):
        contexts = contexts_to_look_up(history, plan)
        rows = {context: found for context in contexts if (found := TABLE.row(context)) is not None}
        distances = TREE.distances_from([*history, *consumed])
        before = plan_for(contexts, history, distances, TREE.families, rows, plan, REFERENCE)
        after = align_plan(before, history, consumed, distances, ALIGNMENT, plan)
        assert [planned.cluster_id for planned in after.clusters] == aligned.rankings()[row]
        told = [planned.score for planned in before.clusters]
        assert [planned.score for planned in after.clusters] == told
        led_by = {planned.cluster_id: planned.led_by for planned in before.clusters}
        assert {planned.cluster_id: planned.led_by for planned in after.clusters} == led_by
        assert after.clusters[best_of:] == before.clusters[best_of:]
        apart = [distances[planned.cluster_id] for planned in after.clusters]
        assert aligned.distances[row, : len(apart)].tolist() == apart
        if plan.mix is not None:  # every distance keeps its places
            assert apart == [distances[planned.cluster_id] for planned in before.clusters]
    cases = PlannerCases(tuple(map(str, range(len(users)))), *states, [frozenset({0})] * len(users))
    codes = cases.distances(TREE)
    served = score_served(TABLE, cases, TREE, plan)
    mixes = find_mixes(served, codes, plan, REFERENCE)
    scores = align_scores(served, cases, codes, ALIGNMENT, plan, mixes)
    placed = place_clusters(scores, codes, plan, N, mixes).tolist()
    assert [[c for c in row if c != NO_CLUSTER] for row in placed] == aligned.rankings()


def test_best_of_one_is_the_plan_itself() -> None:
    config = PlanConfig(best_of=1)
    whole = plan_batch([[1, 2]], [[1, 2]], TABLE, TREE, config, N, REFERENCE)
    assert align_batch(whole, [[1, 2]], [[1, 2]], ALIGNMENT, config) is whole
    context = ClusterContext.of(1, 2)
    row = TABLE.row(context)
    assert row is not None
    distances = TREE.distances_from([1, 2])
    rows = {context: row}
    plan = plan_for([context], [1, 2], distances, TREE.families, rows, config, REFERENCE)
    assert align_plan(plan, [1, 2], [], distances, ALIGNMENT, config) is plan


def test_the_order_changes_where_the_user_model_has_a_say() -> None:
    config = PlanConfig(best_of=5)
    whole = plan_batch([[1, 2]], [[1, 2]], TABLE, TREE, config, N, REFERENCE)
    aligned = align_batch(whole, [[1, 2]], [[1, 2]], ALIGNMENT, config)
    assert sorted(aligned.rankings()[0]) == sorted(whole.rankings()[0])
    assert aligned.rankings() != whole.rankings()
    assert aligned.scores == pytest.approx(whole.scores)
