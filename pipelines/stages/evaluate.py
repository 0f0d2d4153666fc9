"""Stage evaluate: the planner alone and as served, beside its baselines; then the gates."""

from __future__ import annotations

import numpy as np
import torch

from expectations.contracts.tables import (
    CASES,
    CLUSTERS,
    ITEM_CLUSTERS,
    NOVEL_CLUSTER_TABLE,
    PLAN_FIGURES,
)
from expectations.contracts.values import all_pairs
from inference.planning.config import PlanConfig, TableConfig
from inference.planning.contenders import (
    AS_SERVED,
    PAIR_COUNTS,
    RECALL_AT_10,
    choose_settings,
    fit_baselines,
    rank_contenders,
)
from inference.planning.plan_table import PlanTable
from inference.planning.planner_figures import (
    AGAINST,
    describe_cases,
    describe_plans,
    describe_tables,
)
from pipelines import paths, stage
from pipelines.artefact_io import (
    atomic_folder,
    read_json,
    read_table,
    scan_table,
    write_json,
    write_table,
)
from pipelines.gates_config import GatesConfig, planner_bounds
from pipelines.guards import StageGuards
from pipelines.params import read_params
from training.baselines.visits import collect_visits
from training.clusters.config import ClusterConfig
from training.clusters.tree_view import serving_clusters
from training.config import RuntimeConfig
from training.curation.timeline import Timeline
from training.evaluation.case_figures import tabulate_cases
from training.evaluation.cases import PlannerCases, rows_of_split
from training.evaluation.compare import (
    compare_accuracy,
    measure_cases,
    tabulate_exposure,
    tabulate_recall,
)
from training.evaluation.config import EvaluationConfig
from training.evaluation.matches import measure_matches
from training.planner.model_io import load_planner


def main() -> None:
    """Rank novel clusters by every contender, compare, write figures and plots, then judge."""
    evaluation = read_params("evaluation", EvaluationConfig)
    table_config = read_params("table", TableConfig)
    plan = read_params("plan", PlanConfig)
    level = read_params("clusters", ClusterConfig).serving_level
    runtime = read_params("runtime", RuntimeConfig)
    gates = read_params("gates", GatesConfig)
    torch.set_num_threads(runtime.threads)
    rng = np.random.default_rng(runtime.seed)

    timeline = Timeline.from_json(read_json(paths.TIMELINE))
    clusters = serving_clusters(
        read_table(paths.CLUSTERS, CLUSTERS), read_table(paths.ITEM_CLUSTERS, ITEM_CLUSTERS), level
    )
    n_clusters = clusters.n_clusters
    table = PlanTable.from_frame(
        read_table(paths.NOVEL_CLUSTER_TABLE, NOVEL_CLUSTER_TABLE), n_clusters
    )
    frame = read_table(paths.CASES, CASES)
    validation, test = (PlannerCases.from_frame(frame, name) for name in ("validation", "test"))

    interactions, membership = scan_table(paths.INTERACTIONS), clusters.item_cluster_frame()
    before, until_test = (  # what validation may have learnt from, and what the test may
        collect_visits(interactions, membership, until, n_clusters)
        for until in (timeline.train_until, timeline.fit_until)
    )
    settings = choose_settings(before, validation, evaluation, table_config, plan)
    fitted = fit_baselines(until_test, settings, evaluation, table_config)
    fitted_before = fit_baselines(before, settings, evaluation, table_config)
    ranked = rank_contenders(table, fitted, test, plan)
    ranked_before = rank_contenders(table, fitted_before, validation, plan)
    compared, compared_before = (
        compare_accuracy(rankings, AGAINST, cases, rng, evaluation.resamples)
        for rankings, cases in ((ranked, test), (ranked_before, validation))
    )
    planner = load_planner(paths.BASE_MODEL, paths.PLANNER_ADAPTER)
    matches = measure_matches(planner, list(all_pairs(n_clusters)), clusters.descriptions)

    figures = {
        **describe_cases(test, ranked, compared),
        **describe_cases(validation, ranked_before, compared_before, "validation_"),
        **describe_plans(test, ranked, n_clusters, rng, evaluation.resamples),
        **describe_tables(table, fitted.pair_counts, matches, settings),
    }
    by_case = {
        f"recall_at_10{suffix}": measure_cases(ranked[name], test)[:, RECALL_AT_10]
        for suffix, name in (("", AS_SERVED), ("_pair_counts", PAIR_COUNTS))
    }
    compared_later = tabulate_cases(rows_of_split(frame, "test"), by_case)
    write_table(compared_later, paths.PLAN_FIGURES, PLAN_FIGURES)
    write_json(figures, paths.metrics_of("planner"))
    with atomic_folder(paths.plots_of("evaluate")) as folder:
        tabulate_recall(compared, list(ranked)).write_csv(folder / "recall.csv")
        tabulate_exposure(ranked, n_clusters).write_csv(folder / "exposure.csv")
    guards = StageGuards(paths.gates_of("evaluate"))
    guards.judge_figures("planner_figures", figures, planner_bounds(gates))
    guards.settle()


if __name__ == "__main__":
    stage.run("evaluate", main)
