"""The served plan: planted answers, and one request agrees with many users at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from expectations.contracts.errors import UserError
from expectations.contracts.values import NO_CLUSTER, ClusterContext, contexts_of_history
from inference.plans.combine import ServedPlan, contexts_to_look_up, plan_batch, plan_for
from inference.plans.config import BY_SCORE, Mix, PlanConfig
from inference.table.plan_table import PlanTable, TableRow
from tests.worlds.alignment import draw_reference
from tests.worlds.planning import make_table
from training.clusters.distance import DISTANCES, Distance, climb

N = 12
TREE = climb([np.array([0, 0, 1, 1]), np.arange(N) // 3], N)
LIKES = np.random.default_rng(4).normal(-4, 2, size=(N, N))
WHOLE = PlanTable.from_frame(make_table(LIKES), N)
SHALLOW = PlanTable.from_frame(make_table(LIKES, depth=4), N)
MIX = Mix(adjacent=1, new_family=2, new_field=2)
HISTORIES = st.lists(st.integers(0, N - 1), unique=True, max_size=10)
REFERENCE = draw_reference(np.random.default_rng(5), 40, N)
CONFIGS = st.builds(
    PlanConfig,
    combination=st.sampled_from(["mean", "mixture"]),
    recency=st.sampled_from([0.5, 0.8, 1.0]),
    max_history=st.sampled_from([2, 3, 8]),
    novelty=st.sampled_from(DISTANCES),
) | st.builds(
    PlanConfig,
    combination=st.sampled_from(["mean", "mixture"]),
    mix=st.just(MIX),
    mix_of_all=st.booleans(),
    personal_mix=st.booleans(),
    normalise_over=st.sampled_from(["open", "distance"]),
)


def plan_of(
    history: list[int],
    consumed: list[int],
    rows: dict[ClusterContext, TableRow],
    config: PlanConfig,
) -> ServedPlan:
    """The plan of one user from these rows."""
    distances = TREE.distances_from([*history, *consumed])
    contexts = contexts_to_look_up(history, config)
    return plan_for(contexts, history, distances, TREE.families, rows, config, REFERENCE)


def rows_of(table: PlanTable, contexts: list[ClusterContext]) -> dict[ClusterContext, TableRow]:
    return {context: row for context in contexts if (row := table.row(context)) is not None}


def apart_from(known: list[int], plan: ServedPlan) -> dict[int, Distance]:
    """How far each planned cluster is, in the order of the plan."""
    codes = TREE.distances_from(known)
    return {c: DISTANCES[codes[c]] for c in ranked(plan)}


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
    states = [h for h, _ in users], [c for _, c in users]
    batch = plan_batch(*states, table, TREE, config, N, REFERENCE)
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
    nobody = plan_batch([[]], [[1]], WHOLE, TREE, PlanConfig(), 3, REFERENCE)
    assert nobody.clusters.tolist() == [[NO_CLUSTER] * 3]


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


def test_what_a_row_leaves_out_has_no_more_than_the_last_of_all_and_of_its_family() -> None:
    # two places for the best of all, one for the best of each family of three
    listed: dict[ClusterContext, dict[int, float]] = {
        ClusterContext.of(0, 1): {3: 0.5, 4: 0.3, 6: 0.05, 9: 0.01},
        ClusterContext.of(0, 2): {5: 0.4, 6: 0.3, 9: 0.1},
        ClusterContext.of(1, 2): {3: 0.6, 5: 0.2, 10: 0.05, 7: 0.02},
    }
    left_out: dict[ClusterContext, dict[int, float]] = {
        ClusterContext.of(0, 1): {5: 0.3, 7: 0.05, 10: 0.01},
        ClusterContext.of(0, 2): {3: 0.3, 4: 0.3, 7: 0.3, 10: 0.1},
        ClusterContext.of(1, 2): {4: 0.2, 6: 0.02, 9: 0.05},
    }
    rows = {
        context: TableRow(np.array(list(row)), np.log(list(row.values())).astype(np.float32))
        for context, row in listed.items()
    }
    plan = plan_of([0, 1, 2], [], rows, PlanConfig(recency=1.0, table_depth=2))
    expected = dict.fromkeys((3, 4, 5, 6, 7, 9, 10), 0.0)
    for context, row in listed.items():
        whole = {**row, **left_out[context]}
        for cluster, share in whole.items():
            expected[cluster] += share / sum(whole.values()) / 3
    shares = {planned.cluster_id: np.exp(planned.score) for planned in plan.clusters}
    assert shares == pytest.approx(expected, abs=1e-5)


def test_missing_rows_are_reported_and_the_others_used() -> None:
    contexts = contexts_to_look_up([1, 2, 3], PlanConfig())
    rows = rows_of(WHOLE, contexts[:1])
    plan = plan_of([1, 2, 3], [], rows, PlanConfig())
    assert plan.missing == tuple(contexts[1:])
    assert plan.clusters
    assert plan_of([1, 2, 3], [], {}, PlanConfig()).missing == tuple(contexts)
    holes = PlanTable.from_frame(make_table(LIKES).head(N), N)  # single rows only
    batch = plan_batch([[1, 2, 3], [4]], [[], []], holes, TREE, PlanConfig(), 5, REFERENCE)
    assert batch.n_missing.tolist() == [3, 0]
    assert batch.clusters[0].tolist() == [NO_CLUSTER] * 5


def test_a_user_who_has_consumed_everything_gets_nothing() -> None:
    everything = list(range(N))
    nothing = plan_batch([[1, 2]], [everything], WHOLE, TREE, PlanConfig(), 5, REFERENCE)
    assert nothing.rankings() == [[]]
    context = ClusterContext.of(1, 2)
    assert not plan_of([1, 2], everything, rows_of(WHOLE, [context]), PlanConfig()).clusters


def test_a_table_of_another_tree_is_refused() -> None:
    with pytest.raises(UserError, match="names clusters 0 to 4"):
        PlanTable.from_frame(make_table(LIKES), 5)


def test_nothing_nearer_than_the_novelty_asked_for_is_planned() -> None:
    contexts = contexts_of_history([0, 3])  # two families of the first field
    rows = rows_of(WHOLE, contexts)
    for novelty, planned in (
        ("adjacent", {1, 2, 4, 5, 6, 7, 8, 9, 10, 11}),
        ("new_family", {6, 7, 8, 9, 10, 11}),
        ("new_field", {6, 7, 8, 9, 10, 11}),
    ):
        plan = plan_of([0, 3], [], rows, PlanConfig.model_validate({"novelty": novelty}))
        assert set(ranked(plan)) == planned
    near = plan_of(
        [0], [], rows_of(WHOLE, contexts_of_history([0])), PlanConfig(novelty="new_family")
    )
    assert apart_from([0], near) == {
        **dict.fromkeys((3, 4, 5), "new_family"),
        **dict.fromkeys(range(6, 12), "new_field"),
    }


def test_a_mix_deals_the_places_out_and_scores_order_each_distance() -> None:
    rows = rows_of(WHOLE, contexts_of_history([0]))
    by_score, dealt = (
        plan_of([0], [], rows, PlanConfig(mix=mix, personal_mix=False)) for mix in (None, MIX)
    )
    assert list(apart_from([0], dealt).values())[:5] == [
        "new_family", "new_field", "adjacent", "new_family", "new_field",
    ]  # fmt: skip
    apart = apart_from([0], by_score)
    for distance in DISTANCES:
        ours, theirs = (
            [c for c in plan.clusters if apart[c.cluster_id] == distance]
            for plan in (dealt, by_score)
        )
        assert ours == theirs


def test_within_a_distance_a_row_that_knows_near_clusters_only_has_its_full_say() -> None:
    def row(clusters: list[int], probabilities: list[float]) -> TableRow:
        return TableRow(np.array(clusters), np.log(probabilities).astype(np.float32))

    # the first context is nearly sure of what lies next door, and prefers 6 to 7 by far beyond it
    rows = {
        ClusterContext.of(0, 1): row([2, 6, 7], [0.98, 0.018, 0.002]),
        ClusterContext.of(0, 3): row([7, 6, 2], [0.5, 0.4, 0.1]),
    }
    over = {
        way: plan_of([0, 1, 3], [], rows, PlanConfig(mix=MIX, normalise_over=way, recency=1.0))
        for way in ("open", "distance")
    }
    far = {way: [c for c in ranked(plan) if c in (6, 7)] for way, plan in over.items()}
    assert far == {"open": [7, 6], "distance": [6, 7]}
    shares = [np.exp(c.score) for c in over["distance"].clusters if c.cluster_id in (6, 7)]
    assert np.allclose(shares, [(0.9 + 4 / 9) / 2, (0.1 + 5 / 9) / 2], atol=1e-5)


def test_shares_within_a_distance_need_a_mix() -> None:
    with pytest.raises(ValidationError, match="set a mix"):
        PlanConfig(normalise_over="distance")
    own = PlanConfig(mix=MIX, normalise_over="distance")
    assert own.asked(None, None) == own
    assert own.asked("new_field", BY_SCORE) == PlanConfig(novelty="new_field")
    other = Mix(adjacent=1, new_family=0, new_field=0)
    assert own.asked(None, other).mix == other


def test_a_cluster_that_there_is_not_is_refused() -> None:
    """Compiled loops look at no bounds by themselves."""
    context = ClusterContext.of(1, 2)
    for strange in (N, -2):
        row = TableRow(np.array([3, strange]), np.array([-1.0, -2.0], dtype=np.float32))
        with pytest.raises(IndexError):
            plan_of([1, 2], [], {context: row}, PlanConfig())
