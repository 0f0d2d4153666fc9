"""All that proposes novel clusters, put to the same cases: the planner, baselines, stacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from inference.evaluation.baseline_choice import PAIR_COUNTS, ChosenBaselines
from inference.evaluation.case_table import fill_case_table
from inference.evaluation.plan_scores import rank_cases, score_newest, score_served
from inference.evaluation.settings import EvaluationSettings
from inference.plans.align import align_scores, propose_scored
from inference.plans.config import PlanConfig
from inference.plans.personal_mix import find_mixes
from inference.search.ranking import RankEverything, families_of
from inference.table.plan_table import PlanTable
from training.alignment.alignment import Alignment, fit_alignment
from training.baselines.clusters.stack import Stack, fit_stack, score_out_of_fold
from training.baselines.clusters.window import Window
from training.collective.signal import CollectiveSignal
from training.evaluation.clusters.cases import PlannerCases, Ranking, Scores

AS_SERVED = "as_served"
UNALIGNED = "unaligned"
PAIR_COUNTS_ALIGNED = "pair_counts_aligned"
PLANNER_ALONE = "planner_alone"
COLLECTIVE = "collective"
STACK = "stack"
STACK_WITH_PLANNER = "stack_with_planner"
BEST_BASELINE = "best_baseline"


@dataclass(frozen=True)
class EvaluationSplit:
    """The cases of one split, and a planner that knows nothing of what came of them.

    Attributes:
        window: the cases, and what baselines may learn from.
        table: the planner's rows, at least those that plans of these cases look up.
        alignment: as fitted before the split.
        signal: the collective signal of what lay before the split.
    """

    window: Window
    table: PlanTable
    alignment: Alignment
    signal: CollectiveSignal

    @property
    def cases(self) -> PlannerCases:
        """What is asked, and what came of it."""
        return self.window.cases


@dataclass(frozen=True)
class ValidationFit:
    """What validation taught about the contenders, and the test may not change.

    Attributes:
        counts_alignment: by which the plans of pair counts are aligned.
        stack: of all baselines.
        stack_with_planner: of all baselines and the planner before alignment.
        best_baseline: name of the single baseline with the best recall@10 on validation.
    """

    counts_alignment: Alignment
    stack: Stack
    stack_with_planner: Stack
    best_baseline: str


def score_validation(
    split: EvaluationSplit, chosen: ChosenBaselines, settings: EvaluationSettings
) -> tuple[dict[str, Scores], ValidationFit]:
    """Return every contender's scores of the validation cases, and what is fitted on them.

    A stack scores each case by weights of other users' cases. The planner joins it before its
    alignment: the stack reads the whole past itself.
    """
    cases, penalty = split.cases, settings.evaluation.stack_penalty
    counts_alignment = align_counts(chosen.scores[PAIR_COUNTS], split, settings)
    scores = score_contenders(split, chosen.scores, counts_alignment, settings)
    with_planner = {**chosen.scores, UNALIGNED: scores[UNALIGNED]}
    fit = ValidationFit(
        counts_alignment=counts_alignment,
        stack=fit_stack(chosen.scores, cases, penalty),
        stack_with_planner=fit_stack(with_planner, cases, penalty),
        best_baseline=chosen.best,
    )
    stacked = {
        STACK: score_out_of_fold(chosen.scores, cases, penalty),
        STACK_WITH_PLANNER: score_out_of_fold(with_planner, cases, penalty),
    }
    return {**scores, **stacked, BEST_BASELINE: scores[chosen.best]}, fit


def score_test(
    split: EvaluationSplit,
    baselines: Mapping[str, Scores],
    fit: ValidationFit,
    settings: EvaluationSettings,
) -> dict[str, Scores]:
    """Return every contender's scores of the test cases, with what validation taught.

    Args:
        split: the test.
        baselines: scores of each baseline with the setting that validation chose.
        fit: what validation taught.
        settings: as of the validation.
    """
    refitted = replace(fit.counts_alignment, user_model=split.alignment.user_model)
    scores = score_contenders(split, baselines, refitted, settings)
    stacked = {
        STACK: fit.stack.score(scores, split.cases),
        STACK_WITH_PLANNER: fit.stack_with_planner.score(scores, split.cases),
    }
    return {**scores, **stacked, BEST_BASELINE: scores[fit.best_baseline]}


def score_contenders(
    split: EvaluationSplit,
    baselines: Mapping[str, Scores],
    counts_alignment: Alignment,
    settings: EvaluationSettings,
) -> dict[str, Scores]:
    """Return the scores of all contenders but the stacks, [B, N] each."""
    plan = settings.plan
    planner = score_planner(split, plan)
    mixes = find_case_mixes(planner, split, plan)
    distances = split.window.distances
    counts = align_scores(
        baselines[PAIR_COUNTS], split.cases, distances, counts_alignment, plan, mixes
    )
    return {
        **planner,
        PAIR_COUNTS_ALIGNED: counts,
        COLLECTIVE: score_collective(split, settings),
        **baselines,
    }


def score_planner(split: EvaluationSplit, plan: PlanConfig) -> dict[str, Scores]:
    """Return the planner's scores as served, before alignment, and of the newest context alone."""
    window, cases = split.window, split.cases
    unaligned = score_served(split.table, cases, window.ancestors, plan)
    mixes = find_case_mixes({UNALIGNED: unaligned}, split, plan)
    return {
        AS_SERVED: align_scores(unaligned, cases, window.distances, split.alignment, plan, mixes),
        UNALIGNED: unaligned,
        PLANNER_ALONE: score_newest(split.table, cases, window.ancestors, plan),
    }


def find_case_mixes(
    scores: Mapping[str, Scores], split: EvaluationSplit, plan: PlanConfig
) -> NDArray[np.float64] | None:
    """Return the mix of each case, as the planner's own plan makes it; all contenders share them.

    ``None`` where nobody has a mix of their own.
    """
    distances, reference = split.window.distances, split.alignment.reference
    return find_mixes(scores[UNALIGNED], distances, plan, reference)


def align_counts(counts: Scores, split: EvaluationSplit, settings: EvaluationSettings) -> Alignment:
    """Return what pair counts would be aligned by: the same user model, weights of their own.

    Args:
        counts: scores of the plans of a table that counts fill, of the split's cases, [B, N].
        split: validation; what came of its cases is what the weights are fitted to.
        settings: how many clusters are aligned, and the penalty of the planner's alignment.
    """
    cases = split.cases
    mixes = find_case_mixes(score_planner(split, settings.plan), split, settings.plan)
    first = propose_scored(counts, cases, split.window.distances, settings.plan, mixes)
    user_model, penalty = split.alignment.user_model, settings.user_weight_penalty
    return fit_alignment(user_model, first, cases.positives, penalty).alignment


def score_collective(split: EvaluationSplit, settings: EvaluationSettings) -> Scores:
    """Return the scores that the collective signal would be served with, were it the table."""
    families = families_of(split.window.ancestors)
    ranker = RankEverything(split.signal, families, settings.table)
    histories, plan = split.cases.histories, settings.plan
    table = fill_case_table(ranker, split.table.n_clusters, histories, settings.table, plan)
    return score_served(table, split.cases, split.window.ancestors, plan)


def rank_contenders(
    scores: Mapping[str, Scores],
    window: Window,
    plan: PlanConfig,
    depth: int,
    mixes: NDArray[np.float64] | None,
) -> dict[str, list[Ranking]]:
    """Return every contender's ranking of novel clusters for every case.

    Places are given out as ``plan`` says, to all alike. ``depth`` is the table's: a longer ranking
    of a baseline must not profit from its length.
    """
    distances = window.distances
    return {name: rank_cases(each, distances, plan, depth, mixes) for name, each in scores.items()}
