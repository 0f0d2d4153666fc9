"""Stage evaluate: the planner alone and as served, beside its baselines; then the gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import torch

from expectations.contracts.tables import (
    CASES,
    CLUSTERS,
    ITEM_CLUSTERS,
    NOVEL_CLUSTER_TABLE,
    PLAN_FIGURES,
)
from expectations.contracts.values import all_pairs
from inference.evaluation.baseline_choice import (
    PAIR_COUNTS,
    RECALL_AT_10,
    choose_settings,
    list_baselines,
    score_baselines,
    tabulate_pair_counts,
)
from inference.evaluation.case_table import plan_looked_up
from inference.evaluation.contenders import (
    AS_SERVED,
    UNALIGNED,
    add_crosswise_stacks,
    add_stacks,
    align_counts,
    fit_judges,
    rank_contenders,
    score_aligned_counts,
    score_collective,
    score_planner,
)
from inference.evaluation.planner_figures import (
    describe_cases,
    describe_judges,
    describe_plans,
    describe_tables,
    list_differences,
)
from inference.plans.config import PlanConfig
from inference.search.config import TableConfig
from inference.table.plan_table import PlanTable
from pipelines.guards.gates_config import GatesConfig, planner_bounds
from pipelines.guards.guards import StageGuards
from pipelines.io import paths, stage
from pipelines.io.artefact_io import (
    atomic_folder,
    read_table,
    write_json,
    write_table,
)
from pipelines.io.params import read_params
from pipelines.io.planner_windows import read_window
from training.alignment.alignment_io import load_alignment
from training.alignment.config import AlignmentConfig
from training.clusters.config import ClusterConfig
from training.clusters.tree_view import serving_clusters
from training.collective.signal import load_signal
from training.config import RuntimeConfig
from training.evaluation.clusters.case_figures import tabulate_cases
from training.evaluation.clusters.cases import PlannerCases, Ranking, rows_of_split
from training.evaluation.clusters.compare import (
    compare_accuracy,
    measure_cases,
    tabulate_exposure,
    tabulate_recall,
)
from training.evaluation.clusters.config import EvaluationConfig
from training.evaluation.clusters.matches import MatchFigures, measure_matches
from training.planner.base.model_io import load_planner


def main() -> None:
    """Rank novel clusters by every contender, compare, write figures and plots, then judge."""
    evaluation = read_params("evaluation", EvaluationConfig)
    table_config = read_params("table", TableConfig)
    plan = read_params("plan", PlanConfig)
    alignment = read_params("alignment", AlignmentConfig)
    level = read_params("clusters", ClusterConfig).serving_level
    runtime = read_params("runtime", RuntimeConfig)
    gates = read_params("gates", GatesConfig)
    torch.set_num_threads(runtime.threads)
    rng = np.random.default_rng(runtime.seed)

    clusters = serving_clusters(
        read_table(paths.CLUSTERS, CLUSTERS), read_table(paths.ITEM_CLUSTERS, ITEM_CLUSTERS), level
    )
    n_clusters = clusters.n_clusters
    table = PlanTable.from_frame(
        read_table(paths.NOVEL_CLUSTER_TABLE, NOVEL_CLUSTER_TABLE), n_clusters
    )
    validation, test = (read_window(split, clusters) for split in ("validation", "test"))

    baselines = list_baselines(evaluation, table_config, plan, runtime.seed)
    chosen = choose_settings(baselines, validation)
    looked_up = plan_looked_up(
        load_planner(paths.BASE_MODEL, paths.VALIDATED_ADAPTER),
        clusters.descriptions,
        validation.cases.histories,
        table_config,
        plan,
    )
    early, late = (
        score_collective(load_signal(path), window.cases, table_config, plan)
        for path, window in (
            (paths.SIGNAL_BEFORE_VALIDATION, validation),
            (paths.SIGNAL_BEFORE_TEST, test),
        )
    )
    aligned_early, aligned_late = (
        load_alignment(path, n_clusters)
        for path in (paths.ALIGNMENT_BEFORE_VALIDATION, paths.ALIGNMENT)
    )
    of_counts = align_counts(
        chosen.scores[PAIR_COUNTS], validation.cases, aligned_early, plan, alignment.mix_penalty
    )
    before = {
        **score_planner(looked_up, validation.cases, plan, aligned_early),
        **score_aligned_counts(chosen.scores[PAIR_COUNTS], validation.cases, of_counts, plan),
        **early,
        **chosen.scores,
    }
    judges = fit_judges(chosen, before[UNALIGNED], validation.cases, evaluation.stack_penalty)
    before = add_crosswise_stacks(before, chosen, validation.cases, evaluation.stack_penalty)
    fitted = score_baselines(baselines, chosen.settings, test)
    of_counts = replace(of_counts, user_model=aligned_late.user_model)
    scores = {
        **score_planner(table, test.cases, plan, aligned_late),
        **score_aligned_counts(fitted[PAIR_COUNTS], test.cases, of_counts, plan),
        **late,
        **fitted,
    }
    scores = add_stacks(scores, judges, test.cases)
    ranked, ranked_before = (
        rank_contenders(each, window.cases, table.clusters.shape[1])
        for each, window in ((scores, test), (before, validation))
    )
    compared, compared_before = (
        compare_accuracy(
            rankings, list_differences(list(baselines)), window.cases, rng, evaluation.resamples
        )
        for rankings, window in ((ranked, test), (ranked_before, validation))
    )
    prior = chosen.settings[PAIR_COUNTS]
    counts = next(tabulate_pair_counts(test, (prior,), evaluation, table_config))
    figures = {
        **describe_cases(test.cases, ranked, compared),
        **describe_cases(validation.cases, ranked_before, compared_before, "validation_"),
        **describe_plans(test.cases, ranked, n_clusters, rng, evaluation.resamples),
        **describe_tables(table, counts, match_descriptions(clusters.descriptions)),
        **describe_judges(chosen, judges),
    }
    write_table(tabulate_later(ranked, test.cases), paths.PLAN_FIGURES, PLAN_FIGURES)
    write_json(figures, paths.metrics_of("planner"))
    with atomic_folder(paths.plots_of("evaluate")) as folder:
        tabulate_recall(compared, list(ranked)).write_csv(folder / "recall.csv")
        tabulate_exposure(ranked, n_clusters).write_csv(folder / "exposure.csv")
    guards = StageGuards(paths.gates_of("evaluate"))
    guards.judge_figures("planner_figures", figures, planner_bounds(gates))
    guards.settle()


def match_descriptions(descriptions: tuple[str, ...]) -> MatchFigures:
    """Return how often the planner, left to itself, writes a description, over all rows."""
    planner = load_planner(paths.BASE_MODEL, paths.PLANNER_ADAPTER)
    return measure_matches(planner, list(all_pairs(len(descriptions))), descriptions)


def tabulate_later(ranked: Mapping[str, Sequence[Ranking]], cases: PlannerCases) -> pl.DataFrame:
    """Return what a later release is compared with: recall@10 of every test case."""
    by_case = {
        f"recall_at_10{suffix}": measure_cases(ranked[name], cases)[:, RECALL_AT_10]
        for suffix, name in (("", AS_SERVED), ("_pair_counts", PAIR_COUNTS))
    }
    return tabulate_cases(rows_of_split(read_table(paths.CASES, CASES), "test"), by_case)


if __name__ == "__main__":
    stage.run("evaluate", main)
