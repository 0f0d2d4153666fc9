"""The last step of the plan: one request gets the order that evaluation measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.contracts.values import ClusterContext
from inference.evaluation.plan_scores import score_served
from inference.plans.align import align_batch, align_plan, align_scores
from inference.plans.combine import contexts_to_look_up, plan_batch, plan_for
from inference.plans.config import PlanConfig
from inference.table.plan_table import PlanTable
from tests.worlds.alignment import draw_alignment
from tests.worlds.planning import make_table
from training.evaluation.clusters.cases import PlannerCases

N = 12
TABLE = PlanTable.from_frame(make_table(np.random.default_rng(4).normal(-4, 2, size=(N, N))), N)
ALIGNMENT = draw_alignment(np.random.default_rng(5), N)
PLAN = PlanConfig()
HISTORIES = st.lists(st.integers(0, N - 1), unique=True, max_size=6)
USERS = st.lists(st.tuples(HISTORIES, HISTORIES), min_size=1, max_size=5)


@settings(max_examples=150, deadline=None)
@given(USERS, st.integers(1, N + 3))
def test_one_request_gets_the_order_that_evaluation_measured(
    users: list[tuple[list[int], list[int]]], best_of: int
) -> None:
    states = [history for history, _ in users], [consumed for _, consumed in users]
    whole = plan_batch(*states, TABLE, PLAN, N)
    aligned = align_batch(whole, *states, ALIGNMENT, best_of)
    for row, (history, consumed) in enumerate(users):
        contexts = contexts_to_look_up(history, PLAN)
        rows = {context: found for context in contexts if (found := TABLE.row(context)) is not None}
        before = plan_for(contexts, history, consumed, rows, PLAN)
        after = align_plan(before, history, consumed, ALIGNMENT, best_of)
        assert [planned.cluster_id for planned in after.clusters] == aligned.rankings()[row]
        told = [planned.score for planned in before.clusters]
        assert [planned.score for planned in after.clusters] == told
        led_by = {planned.cluster_id: planned.led_by for planned in before.clusters}
        assert {planned.cluster_id: planned.led_by for planned in after.clusters} == led_by
        assert after.clusters[best_of:] == before.clusters[best_of:]
    cases = PlannerCases(tuple(map(str, range(len(users)))), *states, [frozenset({0})] * len(users))
    scores = align_scores(score_served(TABLE, cases, PLAN), cases, ALIGNMENT, best_of)
    assert cases.drop_consumed(scores, N) == aligned.rankings()


def test_best_of_one_is_the_plan_itself() -> None:
    whole = plan_batch([[1, 2]], [[1, 2]], TABLE, PLAN, N)
    assert align_batch(whole, [[1, 2]], [[1, 2]], ALIGNMENT, 1) is whole
    context = ClusterContext.of(1, 2)
    row = TABLE.row(context)
    assert row is not None
    plan = plan_for([context], [1, 2], [], {context: row}, PLAN)
    assert align_plan(plan, [1, 2], [], ALIGNMENT, 1) is plan


def test_the_order_changes_where_the_user_model_has_a_say() -> None:
    whole = plan_batch([[1, 2]], [[1, 2]], TABLE, PLAN, N)
    aligned = align_batch(whole, [[1, 2]], [[1, 2]], ALIGNMENT, 5)
    assert sorted(aligned.rankings()[0]) == sorted(whole.rankings()[0])
    assert aligned.rankings() != whole.rankings()
    assert aligned.scores == pytest.approx(whole.scores)
