"""Stage evaluate: the planner alone and as served, beside its baselines; then the gates."""

from __future__ import annotations

import numpy as np
import torch

from expectations.contracts.tables import (
    CASES,
    NOVEL_CLUSTER_TABLE,
    PLAN_FIGURES,
)
from expectations.contracts.values import all_contexts
from inference.evaluation.case_table import plan_case_table
from inference.evaluation.contenders import EvaluationSplit
from inference.evaluation.planner_evaluation import PlannerEvaluation, evaluate_planner
from inference.evaluation.settings import EvaluationSettings
from inference.plans.config import PlanConfig
from inference.search.ranking import families_of
from inference.table.plan_table import PlanTable
from pipelines.guards.bounds import planner_bounds
from pipelines.guards.guards import StageGuards
from pipelines.io import paths, stage
from pipelines.io.artefact_io import (
    atomic_folder,
    read_table,
    write_json,
    write_table,
)
from pipelines.io.clusters_reader import read_clusters
from pipelines.io.plan_reader import read_plan
from pipelines.io.planner_windows import compare_words, read_window
from pipelines.params.params import Params, read_params
from training.alignment.alignment_io import load_alignment
from training.baselines.clusters.window import Window
from training.collective.signal import load_signal
from training.evaluation.clusters.case_figures import tabulate_cases
from training.evaluation.clusters.cases import rows_of_split
from training.evaluation.clusters.matches import MatchFigures, measure_matches
from training.planner.base.model_io import load_planner


def main(params: Params) -> None:
    """Load planner and cases, evaluate, write figures and plots, then judge."""
    settings = evaluation_settings(params, read_plan())
    runtime = params.runtime
    torch.set_num_threads(runtime.threads)
    clusters = read_clusters(params.clusters.serving_level)
    table = load_table(clusters.n_clusters)
    words = compare_words(clusters, params.clusters.representation)
    validation = load_validation(
        read_window("validation", clusters, words), clusters.descriptions, settings
    )
    test = load_test(read_window("test", clusters, words), table)
    matches = match_descriptions(clusters.descriptions)
    evaluation = evaluate_planner(
        validation,
        test,
        matches,
        settings,
        np.random.default_rng(runtime.seed),
    )
    write_evaluation(evaluation)
    guards = StageGuards(paths.gates_of("evaluate"))
    bounds = planner_bounds(params.gates.planner, params.gates.table.min_coverage_at_5)
    guards.judge_figures("planner_figures", evaluation.figures, bounds)
    guards.settle()


def evaluation_settings(params: Params, plan: PlanConfig) -> EvaluationSettings:
    """Return what a planner is evaluated by, whose plans are made by ``plan``."""
    return EvaluationSettings(
        evaluation=params.evaluation,
        table=params.table,
        plan=plan,
        user_weight_penalty=params.alignment.user_weight_penalty,
        seed=params.runtime.seed,
    )


def load_table(n_clusters: int) -> PlanTable:
    """Return the table that is served."""
    return PlanTable.from_frame(
        read_table(paths.NOVEL_CLUSTER_TABLE, NOVEL_CLUSTER_TABLE), n_clusters
    )


def load_validation(
    window: Window, descriptions: tuple[str, ...], settings: EvaluationSettings
) -> EvaluationSplit:
    """Return the validation with the planner of before it, whose rows are planned as needed."""
    planner = load_planner(paths.BASE_MODEL, paths.ADAPTER_BEFORE_VALIDATION)
    histories, families = window.cases.histories, families_of(window.ancestors)
    return EvaluationSplit(
        window,
        plan_case_table(planner, descriptions, families, histories, settings.table, settings.plan),
        load_alignment(paths.ALIGNMENT_BEFORE_VALIDATION, len(descriptions)),
        load_signal(paths.SIGNAL_BEFORE_VALIDATION),
    )


def load_test(window: Window, table: PlanTable) -> EvaluationSplit:
    """Return the test with the table and the alignment that are served."""
    return EvaluationSplit(
        window,
        table,
        load_alignment(paths.ALIGNMENT, table.n_clusters),
        load_signal(paths.SIGNAL_BEFORE_TEST),
    )


def match_descriptions(descriptions: tuple[str, ...]) -> MatchFigures:
    """Return how often the planner, left to itself, writes a description, over all rows."""
    planner = load_planner(paths.BASE_MODEL, paths.PLANNER_ADAPTER)
    return measure_matches(planner, list(all_contexts(len(descriptions))), descriptions)


def write_evaluation(evaluation: PlannerEvaluation) -> None:
    """Write the figures, the plots, and what a later release is compared with."""
    cases = rows_of_split(read_table(paths.CASES, CASES), "test")
    by_case = tabulate_cases(cases, evaluation.recall_by_case)
    write_table(by_case, paths.PLAN_FIGURES, PLAN_FIGURES)
    write_json(evaluation.figures, paths.metrics_of("planner"))
    with atomic_folder(paths.plots_of("evaluate")) as folder:
        evaluation.recall.write_csv(folder / "recall.csv")
        evaluation.exposure.write_csv(folder / "exposure.csv")
        evaluation.within.write_csv(folder / "within.csv")
        evaluation.shares.write_csv(folder / "shares.csv")
        evaluation.curve.write_csv(folder / "curve.csv")


if __name__ == "__main__":
    stage.run("evaluate", lambda: main(read_params()))
