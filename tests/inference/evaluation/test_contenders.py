"""Every contender is ranked alike: nothing consumed, ties by id, the plan that is served."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.evaluation.baseline_choice import (
    PAIR_COUNTS,
    choose_settings,
    list_baselines,
    score_baselines,
)
from inference.evaluation.contenders import (
    AS_SERVED,
    BEST_BASELINE,
    STACK,
    STACK_WITH_PLANNER,
    UNALIGNED,
    add_crosswise_stacks,
    add_stacks,
    fit_judges,
    rank_contenders,
    score_planner,
)
from inference.evaluation.counts_table import score_served, tabulate_counts
from inference.evaluation.planner_figures import list_differences
from inference.plans.combine import plan_batch
from inference.plans.config import PlanConfig
from inference.search.config import TableConfig
from tests.worlds.alignment import draw_alignment
from tests.worlds.circles import N, draw_window
from training.baselines.clusters.pair_counts import count_pairs
from training.baselines.clusters.visits import Pasts
from training.baselines.clusters.window import Window
from training.evaluation.clusters.cases import PlannerCases
from training.evaluation.clusters.config import EvaluationConfig

PLAN = PlanConfig()
TABLE = TableConfig()
QUICK = EvaluationConfig(transformer_epochs=(1, 2), pair_priors=(10.0, 100.0))


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000), st.integers(1, N))
def test_no_contender_proposes_what_was_consumed(seed: int, depth: int) -> None:
    window = draw_window(np.random.default_rng(seed))
    table = tabulate_counts(count_pairs(window.visits, 8, 10.0), TABLE)
    baselines = list_baselines(QUICK, TABLE, PLAN, seed=0)
    chosen = choose_settings(baselines, window)
    alignment = draw_alignment(np.random.default_rng(seed), N)
    ours = score_planner(table, window.cases, PLAN, alignment)
    scores = {**ours, **chosen.scores}
    judges = fit_judges(chosen, scores[UNALIGNED], window.cases, 1.0)
    everything = add_stacks(scores, judges, window.cases)
    assert set(everything) == set(add_crosswise_stacks(scores, chosen, window.cases, 1.0))
    ranked = rank_contenders(everything, window.cases, depth)
    assert {AS_SERVED, STACK, STACK_WITH_PLANNER, BEST_BASELINE, *baselines} <= set(ranked)
    for plans in ranked.values():
        for plan, touched in zip(plans, window.cases.consumed, strict=True):
            assert not set(plan) & set(touched)
            assert len(plan) == len(set(plan)) == min(depth, N - len(touched))


def test_scores_of_the_served_plan_rank_as_the_plan_does() -> None:
    window = draw_window(np.random.default_rng(3))
    table = tabulate_counts(count_pairs(window.visits, 8, 10.0), TABLE)
    cases = window.cases
    ranked = cases.drop_consumed(score_served(table, cases, PLAN), N)
    assert ranked == plan_batch(cases.histories, cases.consumed, table, PLAN, N).rankings()


def test_a_setting_is_chosen_by_recall_and_used_for_other_windows() -> None:
    window, other = (draw_window(np.random.default_rng(seed), 300) for seed in (0, 1))
    baselines = list_baselines(QUICK, TABLE, PLAN, seed=0)
    chosen = choose_settings(baselines, window)
    assert chosen.best != "popularity"  # the circle is known to whoever reads the past
    assert chosen.recalls[chosen.best] == max(chosen.recalls.values())
    scores = score_baselines(baselines, chosen.settings, other)
    prior = chosen.settings[PAIR_COUNTS]
    table = tabulate_counts(count_pairs(other.visits, QUICK.pair_window, prior), TABLE)
    assert np.array_equal(scores[PAIR_COUNTS], score_served(table, other.cases, PLAN))


def test_the_differences_are_against_every_baseline() -> None:
    wanted = list_differences(["ease", "popularity"])
    assert (STACK_WITH_PLANNER, STACK) in wanted
    for name in ("ease", "popularity", BEST_BASELINE):
        assert (AS_SERVED, name) in wanted


def test_without_validation_cases_the_first_settings_are_taken() -> None:
    window = draw_window(np.random.default_rng(0))
    nobody = PlannerCases((), [], [], [])
    empty = Window(nobody, Pasts([], [], []), window.visits, window.recommender, [])
    baselines = list_baselines(QUICK, TABLE, PLAN, seed=0)
    chosen = choose_settings(baselines, empty)
    assert chosen.settings == {name: each.values[0] for name, each in baselines.items()}
    table = tabulate_counts(count_pairs(window.visits, 8, 10.0), TABLE)
    judges = fit_judges(chosen, score_served(table, empty.cases, PLAN), empty.cases, 1.0)
    assert judges.stack.weights == pytest.approx(1 / len(baselines))
