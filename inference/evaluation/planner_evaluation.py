"""The evaluation of a planner: every contender chosen on validation, put to the test, measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from inference.evaluation.baseline_choice import (
    PAIR_COUNTS,
    choose_settings,
    list_baselines,
    score_baselines,
)
from inference.evaluation.contenders import (
    AS_SERVED,
    EvaluationSplit,
    find_case_mixes,
    rank_contenders,
    score_test,
    score_validation,
)
from inference.evaluation.counts_table import tabulate_pair_counts
from inference.evaluation.distance_figures import (
    compare_by_distance,
    describe_distances,
    describe_exposure,
    place_contenders,
    recall_by_distance,
    tabulate_curve,
    tabulate_shares,
    tabulate_within,
)
from inference.evaluation.planner_figures import (
    describe_cases,
    describe_choices,
    describe_plans,
    describe_tables,
    list_differences,
)
from inference.evaluation.settings import EvaluationSettings
from training.evaluation.clusters.by_distance import CaseDistances
from training.evaluation.clusters.compare import (
    RECALL_AT_10,
    compare_accuracy,
    measure_rankings,
    tabulate_exposure,
    tabulate_recall,
)
from training.evaluation.clusters.matches import MatchFigures


@dataclass(frozen=True)
class PlannerEvaluation:
    """What an evaluation found.

    Attributes:
        figures: what ``metrics/planner.json`` holds, see
            :mod:`inference.evaluation.planner_figures`.
        recall: plot of every contender's recall with its interval.
        exposure: plot of how evenly every contender exposes the clusters.
        within: plot of every contender's recall where only one distance may be planned.
        shares: plot of what share of the plans each distance has.
        curve: plot of recall as the mix of distances turns.
        recall_by_case: of every test case, by column of PLAN_FIGURES: what a later release is
            compared with.
    """

    figures: dict[str, float]
    recall: pl.DataFrame
    exposure: pl.DataFrame
    within: pl.DataFrame
    shares: pl.DataFrame
    curve: pl.DataFrame
    recall_by_case: Mapping[str, NDArray[np.float64]]


def evaluate_planner(
    validation: EvaluationSplit,
    test: EvaluationSplit,
    matches: MatchFigures,
    settings: EvaluationSettings,
    rng: np.random.Generator,
) -> PlannerEvaluation:
    """Return how the planner does in the test beside all other contenders.

    Every choice is made on validation; the test only measures.

    Args:
        validation: with the planner that was trained before it.
        test: with the whole table that is served.
        matches: how often the served planner writes a description when it may write anything.
        settings: of the baselines, plans and intervals.
        rng: draws the bootstrap's users.
    """
    baselines = list_baselines(settings)
    chosen = choose_settings(baselines, validation.window, settings.plan)
    validation_scores, fit = score_validation(validation, chosen, settings)
    fitted = score_baselines(baselines, chosen.settings, test.window)
    test_scores = score_test(test, fitted, fit, settings)

    depth, plan = test.table.depth, settings.plan
    mixes = find_case_mixes(test_scores, test, plan)
    mixes_before = find_case_mixes(validation_scores, validation, plan)
    ranked = rank_contenders(test_scores, test.window, plan, depth, mixes)
    ranked_before = rank_contenders(validation_scores, validation.window, plan, depth, mixes_before)
    differences, resamples = list_differences(list(baselines)), settings.evaluation.resamples
    accuracy = compare_accuracy(ranked, differences, test.cases, rng, resamples)
    accuracy_before = compare_accuracy(ranked_before, differences, validation.cases, rng, resamples)
    far, far_before = (
        CaseDistances.of(each.cases, each.window.ancestors) for each in (test, validation)
    )
    places = place_contenders(test_scores, far, plan, depth, mixes)
    places_before = place_contenders(validation_scores, far_before, plan, depth, mixes_before)
    by_distance_before = compare_by_distance(
        validation_scores, places_before, validation.cases, far_before, depth, differences, rng,
        resamples,
    )  # fmt: skip
    by_distance = compare_by_distance(
        test_scores, places, test.cases, far, depth, differences, rng, resamples
    )
    counts = next(tabulate_pair_counts(test.window, (chosen.settings[PAIR_COUNTS],), settings))
    n_clusters = test.table.n_clusters
    figures = {
        **describe_cases(test.cases, ranked, accuracy),
        **describe_cases(validation.cases, ranked_before, accuracy_before, "validation_"),
        **describe_plans(test.cases, ranked, n_clusters, rng, resamples),
        **describe_distances(test.cases, far, by_distance, ""),
        **describe_distances(validation.cases, far_before, by_distance_before, "validation_"),
        **describe_exposure(test_scores, places, far),
        **describe_tables(test.table, counts, matches),
        **describe_choices(chosen, fit),
    }
    return PlannerEvaluation(
        figures=figures,
        recall=tabulate_recall(accuracy, list(ranked)),
        exposure=tabulate_exposure(ranked, n_clusters),
        within=tabulate_within(by_distance, list(ranked)),
        shares=tabulate_shares(by_distance, list(ranked)),
        curve=tabulate_curve(test_scores, far, depth),
        recall_by_case=recall_by_distance(places[AS_SERVED], far)
        | {
            column: measure_rankings(ranked[contender], test.cases)[RECALL_AT_10]
            for column, contender in (
                (RECALL_AT_10, AS_SERVED),
                (f"{RECALL_AT_10}_{PAIR_COUNTS}", PAIR_COUNTS),
            )
        },
    )
