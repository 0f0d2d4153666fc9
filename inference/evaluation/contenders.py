"""All that proposes novel clusters, put to the same cases: the planner, baselines, stacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inference.evaluation.baseline_choice import ChosenBaselines
from inference.evaluation.case_table import look_up
from inference.evaluation.counts_table import score_newest, score_served
from inference.plans.align import align_scores, propose_scored
from inference.plans.config import PlanConfig
from inference.search.config import TableConfig
from inference.search.ranking import RankEverything
from inference.table.plan_table import PlanTable
from training.alignment.alignment import Alignment, fit_alignment
from training.baselines.clusters.stack import Stack, fit_stack, score_crosswise
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
class Judges:
    """What validation taught about the contenders, and the test may not change.

    Attributes:
        stack: of all baselines.
        stack_with_planner: of all baselines and the planner before alignment.
        best_baseline: name of the single baseline with the best recall@10 on validation.
    """

    stack: Stack
    stack_with_planner: Stack
    best_baseline: str


def score_planner(
    table: PlanTable, cases: PlannerCases, plan: PlanConfig, alignment: Alignment
) -> dict[str, Scores]:
    """Return the planner's scores as served, before alignment, and of the newest pair alone."""
    unaligned = score_served(table, cases, plan)
    return {
        AS_SERVED: align_scores(unaligned, cases, alignment, plan.best_of),
        UNALIGNED: unaligned,
        PLANNER_ALONE: score_newest(table, cases, plan),
    }


def align_counts(
    counts: Scores, cases: PlannerCases, alignment: Alignment, plan: PlanConfig, penalty: float
) -> Alignment:
    """Return what pair counts would be aligned by: the same user model, weights of their own.

    Args:
        counts: scores of the plans of a table that counts fill, of validation cases, [B, N].
        cases: what came of them is what the weights are fitted to.
        alignment: the planner's, of before validation.
        plan: how many places are aligned.
        penalty: as the planner's alignment was fitted with.
    """
    first = propose_scored(counts, cases, plan.best_of)
    return fit_alignment(alignment.user_model, first, cases.positives, penalty).alignment


def score_aligned_counts(
    counts: Scores, cases: PlannerCases, alignment: Alignment, plan: PlanConfig
) -> dict[str, Scores]:
    """Return the scores that a table of pair counts would be served with, alignment included."""
    return {PAIR_COUNTS_ALIGNED: align_scores(counts, cases, alignment, plan.best_of)}


def score_collective(
    signal: CollectiveSignal, cases: PlannerCases, table: TableConfig, plan: PlanConfig
) -> dict[str, Scores]:
    """Return the scores that the collective signal would be served with, were it the table."""
    n_clusters = len(signal.pull)
    ranker = RankEverything(signal, table)
    return {
        COLLECTIVE: score_served(
            look_up(ranker, n_clusters, cases.histories, table, plan), cases, plan
        )
    }


def fit_judges(
    chosen: ChosenBaselines, unaligned: Scores, cases: PlannerCases, penalty: float
) -> Judges:
    """Return what is fitted on the validation cases, given the planner's scores of them.

    The planner joins a stack before its alignment: the stack reads the whole past itself.
    """
    return Judges(
        stack=fit_stack(chosen.scores, cases, penalty),
        stack_with_planner=fit_stack({**chosen.scores, UNALIGNED: unaligned}, cases, penalty),
        best_baseline=chosen.best,
    )


def add_stacks(
    scores: Mapping[str, Scores], judges: Judges, cases: PlannerCases
) -> dict[str, Scores]:
    """Return the scores of the planner and of the single baselines with those of the stacks.

    The best baseline of validation stands there once more, under a name of its own.
    """
    return {
        **scores,
        STACK: judges.stack.score(scores, cases),
        STACK_WITH_PLANNER: judges.stack_with_planner.score(scores, cases),
        BEST_BASELINE: scores[judges.best_baseline],
    }


def add_crosswise_stacks(
    scores: Mapping[str, Scores], chosen: ChosenBaselines, cases: PlannerCases, penalty: float
) -> dict[str, Scores]:
    """Return the same for the validation cases: each stacked by weights of other users' cases."""
    members = {name: scores[name] for name in chosen.scores}
    with_planner = {**members, UNALIGNED: scores[UNALIGNED]}
    return {
        **scores,
        STACK: score_crosswise(members, cases, penalty),
        STACK_WITH_PLANNER: score_crosswise(with_planner, cases, penalty),
        BEST_BASELINE: scores[chosen.best],
    }


def rank_contenders(
    scores: Mapping[str, Scores], cases: PlannerCases, depth: int
) -> dict[str, list[Ranking]]:
    """Return every contender's ranking of novel clusters for every case.

    ``depth`` is the table's: a longer ranking of a baseline must not profit from its length.
    """
    return {name: cases.drop_consumed(each, depth) for name, each in scores.items()}
