"""Every contender is ranked alike: nothing consumed, ties by id, the plan that is served."""

from __future__ import annotations

from dataclasses import replace

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
    EvaluationSplit,
    find_case_mixes,
    rank_contenders,
    score_test,
    score_validation,
)
from inference.evaluation.counts_table import tabulate_counts
from inference.evaluation.plan_scores import rank_cases, score_served
from inference.evaluation.planner_evaluation import PlannerEvaluation, evaluate_planner
from inference.evaluation.planner_figures import list_differences
from inference.evaluation.settings import EvaluationSettings
from inference.plans.combine import plan_batch
from inference.plans.config import Mix, PlanConfig
from inference.plans.personal_mix import find_mixes
from inference.search.config import TableConfig
from inference.search.ranking import families_of
from tests.worlds.alignment import draw_alignment, draw_reference
from tests.worlds.circles import N, draw_window
from tests.worlds.collective import make_signal
from training.alignment.config import AlignmentConfig
from training.baselines.clusters.pair_counts import count_pairs
from training.baselines.clusters.visits import Pasts
from training.baselines.clusters.window import Window
from training.evaluation.clusters.cases import PlannerCases
from training.evaluation.clusters.compare import RECALL_AT_10
from training.evaluation.clusters.config import EvaluationConfig
from training.evaluation.clusters.matches import MatchFigures

PLAN = PlanConfig()
TABLE = TableConfig()
QUICK = EvaluationConfig(transformer_epochs=(1, 2), pair_priors=(10.0, 100.0))
SETTINGS = EvaluationSettings(QUICK, TABLE, PLAN, AlignmentConfig().user_weight_penalty, seed=0)


def split_of(window: Window, seed: int = 0) -> EvaluationSplit:
    """A window before a planner whose table pair counts fill; alignment and signal are drawn."""
    table = tabulate_counts(
        count_pairs(window.visits, 8, 10.0), families_of(window.ancestors), TABLE
    )
    alignment = draw_alignment(np.random.default_rng(seed), N)
    return EvaluationSplit(window, table, alignment, make_signal(seed, N))


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 1000), st.integers(1, N))
def test_no_contender_proposes_what_was_consumed(seed: int, depth: int) -> None:
    window = draw_window(np.random.default_rng(seed))
    baselines = list_baselines(SETTINGS)
    chosen = choose_settings(baselines, window, PLAN)
    split = split_of(window, seed)
    before, fit = score_validation(split, chosen, SETTINGS)
    scores = score_test(split, chosen.scores, fit, SETTINGS)
    assert set(scores) == set(before)
    ranked = rank_contenders(scores, window, PLAN, depth, find_case_mixes(scores, split, PLAN))
    assert {AS_SERVED, STACK, STACK_WITH_PLANNER, BEST_BASELINE, *baselines} <= set(ranked)
    for plans in ranked.values():
        for plan, touched in zip(plans, window.cases.consumed, strict=True):
            assert not set(plan) & set(touched)
            assert len(plan) == len(set(plan)) == min(depth, N - len(touched))


def test_scores_of_the_served_plan_rank_as_the_plan_does() -> None:
    window = draw_window(np.random.default_rng(3))
    table = tabulate_counts(
        count_pairs(window.visits, 8, 10.0), families_of(window.ancestors), TABLE
    )
    cases = window.cases
    mixed = PLAN.model_copy(update={"mix": Mix(adjacent=1, new_family=2, new_field=2)})
    alike = mixed.model_copy(update={"personal_mix": False})
    reference = draw_reference(np.random.default_rng(4), 40, N)
    for plan in (PLAN, alike, mixed):
        scores = score_served(table, cases, window.ancestors, plan)
        mixes = find_mixes(scores, window.distances, plan, reference)
        ranked = rank_cases(scores, window.distances, plan, N, mixes)
        states = cases.histories, cases.consumed
        planned = plan_batch(*states, table, window.ancestors, plan, N, reference)
        assert ranked == planned.rankings()
    assert ranked != rank_cases(scores, window.distances, alike, N)
    assert ranked != cases.drop_consumed(score_served(table, cases, window.ancestors, PLAN), N)


def test_a_setting_is_chosen_by_recall_and_used_for_other_windows() -> None:
    window, other = (draw_window(np.random.default_rng(seed), 300) for seed in (0, 1))
    baselines = list_baselines(SETTINGS)
    chosen = choose_settings(baselines, window, PLAN)
    assert chosen.best != "popularity"  # the circle is known to whoever reads the past
    assert chosen.recalls[chosen.best] == max(chosen.recalls.values())
    scores = score_baselines(baselines, chosen.settings, other)
    prior = chosen.settings[PAIR_COUNTS]
    table = tabulate_counts(
        count_pairs(other.visits, QUICK.pair_window, prior), families_of(window.ancestors), TABLE
    )
    served = score_served(table, other.cases, other.ancestors, PLAN)
    assert np.array_equal(scores[PAIR_COUNTS], served)


def test_the_differences_are_against_every_baseline() -> None:
    wanted = list_differences(["ease", "popularity"])
    assert (STACK_WITH_PLANNER, STACK) in wanted
    for name in ("ease", "popularity", BEST_BASELINE):
        assert (AS_SERVED, name) in wanted


def test_without_validation_cases_the_first_settings_are_taken() -> None:
    window = draw_window(np.random.default_rng(0))
    nobody = PlannerCases((), [], [], [])
    empty = replace(window, cases=nobody, pasts=Pasts([], [], []), recent_items=[])
    baselines = list_baselines(SETTINGS)
    chosen = choose_settings(baselines, empty, PLAN)
    assert chosen.settings == {name: each.values[0] for name, each in baselines.items()}
    _, fit = score_validation(split_of(empty), chosen, SETTINGS)
    assert fit.stack.weights == pytest.approx(1 / len(baselines))


def test_the_test_measures_what_validation_chose_and_chooses_nothing() -> None:
    before, after = (draw_window(np.random.default_rng(seed)) for seed in (0, 1))
    elsewhere = replace(
        after,
        cases=replace(
            after.cases,
            positives=[
                frozenset(set(range(N)) - set(touched) - liked) or liked
                for touched, liked in zip(after.cases.consumed, after.cases.positives, strict=True)
            ],
        ),
    )
    found, otherwise = (evaluate(before, test) for test in (after, elsewhere))
    chosen = ("chosen_setting_", "is_best_baseline_", "weight_in_", "validation_")
    assert choices_of(found, chosen) == choices_of(otherwise, chosen)
    for column, contender in (
        (RECALL_AT_10, AS_SERVED),
        (f"{RECALL_AT_10}_pair_counts", PAIR_COUNTS),
    ):
        mean = found.recall_by_case[column].mean()
        assert found.figures[f"{RECALL_AT_10}_{contender}"] == pytest.approx(mean, abs=1e-6)
    assert found.figures["recall_at_1_pair_counts"] > otherwise.figures["recall_at_1_pair_counts"]


def evaluate(before: Window, test: Window) -> PlannerEvaluation:
    matches = MatchFigures(1, 1, 1.0, 0.2, 1.0, 0.0)
    rng = np.random.default_rng(0)
    return evaluate_planner(split_of(before), split_of(test), matches, SETTINGS, rng)


def choices_of(evaluation: PlannerEvaluation, names: tuple[str, ...]) -> dict[str, float]:
    choices = {key: value for key, value in evaluation.figures.items() if key.startswith(names)}
    assert choices
    return choices
