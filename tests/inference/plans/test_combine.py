"""The served plan: planted answers, and one request agrees with many users at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.contracts.errors import UserError
from expectations.contracts.values import NO_CLUSTER, ClusterContext, contexts_of_history
from inference.plans.combine import ServedPlan, contexts_to_look_up, plan_batch, plan_for
from inference.plans.config import PlanConfig
from inference.table.plan_table import PlanTable, TableRow
from tests.worlds.planning import make_table

N = 12
LIKES = np.random.default_rng(4).normal(-4, 2, size=(N, N))
WHOLE = PlanTable.from_frame(make_table(LIKES), N)
SHALLOW = PlanTable.from_frame(make_table(LIKES, depth=4), N)
HISTORIES = st.lists(st.integers(0, N - 1), unique=True, max_size=10)
CONFIGS = st.builds(
    PlanConfig,
    combination=st.sampled_from(["mean", "mixture"]),
    recency=st.sampled_from([0.5, 0.8, 1.0]),
    max_history=st.sampled_from([2, 3, 8]),
)


def plan_of(
    history: list[int],
    consumed: list[int],
    rows: dict[ClusterContext, TableRow],
    config: PlanConfig,
) -> ServedPlan:
    """The plan of one user from these rows."""
    return plan_for(contexts_to_look_up(history, config), history, consumed, rows, config)


def rows_of(table: PlanTable, contexts: list[ClusterContext]) -> dict[ClusterContext, TableRow]:
    return {context: row for context in contexts if (row := table.row(context)) is not None}


def ranked(plan: ServedPlan) -> list[int]:
    return [planned.cluster_id for planned in plan.clusters]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(HISTORIES, st.lists(st.integers(0, N - 1), max_size=9)), max_size=6),
    CONFIGS,
    st.sampled_from([WHOLE, SHALLOW]),
)
def test_one_request_gets_the_plan_that_evaluation_measured(
    users: list[tuple[list[int], list[int]]], config: PlanConfig, table: PlanTable
) -> None:
    batch = plan_batch([h for h, _ in users], [c for _, c in users], table, config, depth=N)
    for user, ((history, consumed), together) in enumerate(
        zip(users, batch.rankings(), strict=True)
    ):
        rows = rows_of(table, contexts_to_look_up(history, config))
        alone = plan_of(history, consumed, rows, config)
        assert ranked(alone) == together
        scores = batch.scores[user]
        assert scores[np.isfinite(scores)] == pytest.approx([c.score for c in alone.clusters])
        assert not set(together) & {*history, *consumed}
        assert len(set(together)) == len(together)


def test_a_user_with_one_cluster_gets_the_single_row() -> None:
    row = WHOLE.row(ClusterContext.of(3))
    assert row is not None
    plan = plan_of([3], [], {ClusterContext.of(3): row}, PlanConfig())
    assert ranked(plan) == row.novel_clusters.tolist()
    assert {planned.led_by for planned in plan.clusters} == {ClusterContext.of(3)}


def test_a_user_without_history_gets_an_empty_plan() -> None:
    plan = plan_of([], [1], {}, PlanConfig())
    assert (plan.clusters, plan.missing) == ((), ())
    assert plan_batch([[]], [[1]], WHOLE, PlanConfig(), 3).clusters.tolist() == [[NO_CLUSTER] * 3]


def test_mean_is_the_weighted_sum_of_log_shares() -> None:
    history, consumed = [5, 2, 9], [0, 5, 2, 9]
    config = PlanConfig(combination="mean", recency=0.5)
    contexts = contexts_of_history(history)  # positions (0, 1), (0, 2), (1, 2): weights 1, 1/2, 1/4
    offered = [c for c in range(N) if c not in consumed]
    expected = np.zeros(len(offered))
    for context, weight in zip(contexts, (4 / 7, 2 / 7, 1 / 7), strict=True):
        logs = LIKES[list(context.members)].mean(axis=0)[offered]
        expected += weight * (logs - np.log(np.exp(logs).sum()))
    plan = plan_of(history, consumed, rows_of(WHOLE, contexts), config)
    order = np.argsort(-expected)
    assert ranked(plan) == [offered[index] for index in order]
    scores = [planned.score for planned in plan.clusters]
    assert np.allclose(scores, expected[order], atol=1e-5)


def test_mixture_is_the_weighted_sum_of_shares_and_names_who_led() -> None:
    # Context 0_1 is sure of cluster 3, context 0_2 of cluster 4: a mixture keeps both on top.
    def row(clusters: list[int], probabilities: list[float]) -> TableRow:
        return TableRow(np.array(clusters), np.log(probabilities).astype(np.float32))

    rows = {
        ClusterContext.of(0, 1): row([3, 5, 4], [0.9, 0.09, 0.01]),
        ClusterContext.of(0, 2): row([4, 5, 3], [0.9, 0.09, 0.01]),
        ClusterContext.of(1, 2): row([4, 5, 3], [0.4, 0.3, 0.3]),
    }
    plan = plan_of([0, 1, 2], [], rows, PlanConfig(combination="mixture", recency=1.0))
    shares = [np.exp(planned.score) for planned in plan.clusters]
    assert ranked(plan) == [4, 3, 5]
    assert np.allclose(shares, [1.31 / 3, 1.21 / 3, 0.48 / 3], atol=1e-5)
    assert [planned.led_by.key for planned in plan.clusters] == ["0_2", "0_1", "1_2"]


def test_missing_rows_are_reported_and_the_others_used() -> None:
    contexts = contexts_to_look_up([1, 2, 3], PlanConfig())
    rows = rows_of(WHOLE, contexts[:1])
    plan = plan_of([1, 2, 3], [], rows, PlanConfig())
    assert plan.missing == tuple(contexts[1:])
    assert plan.clusters
    assert plan_of([1, 2, 3], [], {}, PlanConfig()).missing == tuple(contexts)
    holes = PlanTable.from_frame(make_table(LIKES).head(N), N)  # single rows only
    batch = plan_batch([[1, 2, 3], [4]], [[], []], holes, PlanConfig(), 5)
    assert batch.n_missing.tolist() == [3, 0]
    assert batch.clusters[0].tolist() == [NO_CLUSTER] * 5


def test_a_user_who_has_consumed_everything_gets_nothing() -> None:
    everything = list(range(N))
    assert plan_batch([[1, 2]], [everything], WHOLE, PlanConfig(), 5).rankings() == [[]]
    context = ClusterContext.of(1, 2)
    assert not plan_of([1, 2], everything, rows_of(WHOLE, [context]), PlanConfig()).clusters


def test_a_table_of_another_tree_is_refused() -> None:
    with pytest.raises(UserError, match="names clusters 0 to 4"):
        PlanTable.from_frame(make_table(LIKES), 5)
