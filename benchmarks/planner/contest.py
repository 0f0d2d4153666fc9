"""Puts a planner and every baseline to the cases of one clustering."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.planner.runs import (
    MARKS,
    PlannerRun,
    Settings,
    make_clustering,
    make_planner,
)
from expectations.contracts.tables import CLUSTERS, ITEM_CLUSTERS, NOVEL_CLUSTER_TABLE
from expectations.contracts.values import all_pairs
from inference.evaluation.baseline_choice import (
    PAIR_COUNTS,
    ChosenBaselines,
    choose_settings,
    list_baselines,
    score_baselines,
)
from inference.evaluation.case_table import plan_looked_up
from inference.evaluation.contenders import (
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
from inference.plans.config import PlanConfig
from inference.search.config import TableConfig
from inference.table.plan_table import PlanTable
from pipelines.io import paths
from pipelines.io.artefact_io import read_json, read_table, write_json
from pipelines.io.params import read_params
from pipelines.io.planner_windows import Split, read_window
from pipelines.stages import alignment
from training.alignment.alignment_io import load_alignment
from training.alignment.config import AlignmentConfig
from training.baselines.clusters.window import Window
from training.clusters.config import ClusterConfig
from training.clusters.tree_view import ServingClusters, serving_clusters
from training.collective.signal import load_signal
from training.config import RuntimeConfig
from training.evaluation.clusters.cases import PlannerCases, Scores
from training.evaluation.clusters.compare import measure_cases, measure_exposure
from training.evaluation.clusters.config import EvaluationConfig
from training.evaluation.clusters.matches import measure_matches
from training.planner.base.model_io import load_planner

MATCHES = paths.VAR / "matches.json"


@dataclass(frozen=True)
class Field:
    """A clustering's windows and what the baselines make of them; any planner can join."""

    clusters: ServingClusters
    validation: Window
    chosen: ChosenBaselines
    judged: Window
    scores: Mapping[str, Scores]


@dataclass(frozen=True)
class Outcome:
    """What one planner on one clustering came to, beside the baselines on the same cases.

    Attributes:
        run: which planner.
        users: of each case.
        cases: each contender's figures of every case, [cases, METRICS].
        breadth: exposure by every contender's plans and by the table; the match rate.
        baselines: names of the single baselines.
        best_baseline: the one of them that did best on the validation before these cases.
    """

    run: PlannerRun
    users: tuple[str, ...]
    cases: Mapping[str, np.ndarray]
    breadth: Mapping[str, float]
    baselines: tuple[str, ...]
    best_baseline: str


def compete(
    settings: Settings, clustering: int, seeds: Sequence[int], split: Split, root: Path
) -> list[Outcome]:
    """Return the outcome of each planner on one clustering; baselines are fitted once."""
    world = make_clustering(settings, clustering, root)
    with contextlib.chdir(world.folder):
        field = gather_field(split)
    outcomes = []
    for seed in seeds:
        run = make_planner(settings, world, seed, root)
        with contextlib.chdir(run.folder):
            outcomes.append(measure_run(run, field))
        print(f"{run.name}: {len(outcomes[-1].users)} cases", file=sys.stderr, flush=True)
    return outcomes


def gather_field(split: Split) -> Field:
    """Return the field of the clustering in the working folder; another split is not read."""
    clusters = serving_clusters(
        read_table(paths.CLUSTERS, CLUSTERS),
        read_table(paths.ITEM_CLUSTERS, ITEM_CLUSTERS),
        read_params("clusters", ClusterConfig).serving_level,
    )
    baselines = list_baselines(
        read_params("evaluation", EvaluationConfig),
        read_params("table", TableConfig),
        read_params("plan", PlanConfig),
        read_params("runtime", RuntimeConfig).seed,
    )
    validation = read_window("validation", clusters)
    chosen = choose_settings(baselines, validation)
    if split == "validation":
        return Field(clusters, validation, chosen, validation, chosen.scores)
    test = read_window("test", clusters)
    scores = score_baselines(baselines, chosen.settings, test)
    return Field(clusters, validation, chosen, test, scores)


def measure_run(run: PlannerRun, field: Field) -> Outcome:
    """Return what the planner in the working folder comes to, aligned as the settings say."""
    alignment.main()
    plan = read_params("plan", PlanConfig)
    penalty = read_params("evaluation", EvaluationConfig).stack_penalty
    mix_penalty = read_params("alignment", AlignmentConfig).mix_penalty
    n_clusters = field.clusters.n_clusters
    early, late = (
        load_alignment(path, n_clusters)
        for path in (paths.ALIGNMENT_BEFORE_VALIDATION, paths.ALIGNMENT)
    )
    frame = read_table(paths.NOVEL_CLUSTER_TABLE, NOVEL_CLUSTER_TABLE)
    table = PlanTable.from_frame(frame, n_clusters)
    validated = load_planner(paths.BASE_MODEL, paths.VALIDATED_ADAPTER)
    looked_up = plan_looked_up(
        validated,
        field.clusters.descriptions,
        field.validation.cases.histories,
        read_params("table", TableConfig),
        plan,
    )
    counts = field.chosen.scores[PAIR_COUNTS]
    of_counts = align_counts(counts, field.validation.cases, early, plan, mix_penalty)
    before = {
        **score_planner(looked_up, field.validation.cases, plan, early),
        **score_aligned_counts(counts, field.validation.cases, of_counts, plan),
        **score_signal(paths.SIGNAL_BEFORE_VALIDATION, field.validation.cases, plan),
    }
    cases = field.judged.cases
    if field.judged is field.validation:
        scores = {**before, **field.scores}
        scores = add_crosswise_stacks(scores, field.chosen, cases, penalty)
    else:
        judges = fit_judges(field.chosen, before[UNALIGNED], field.validation.cases, penalty)
        of_counts = replace(of_counts, user_model=late.user_model)
        scores = {
            **score_planner(table, cases, plan, late),
            **score_aligned_counts(field.scores[PAIR_COUNTS], cases, of_counts, plan),
            **score_signal(paths.SIGNAL_BEFORE_TEST, cases, plan),
            **field.scores,
        }
        scores = add_stacks(scores, judges, cases)
    ranked = rank_contenders(scores, cases, table.clusters.shape[1])
    return Outcome(
        run,
        cases.users,
        {name: measure_cases(each, cases) for name, each in ranked.items()},
        {
            **measure_exposure({**ranked, "table": table.rankings()}, n_clusters),
            **find_matches(field.clusters.descriptions),
        },
        tuple(field.scores),
        field.chosen.best,
    )


def score_signal(file: Path, cases: PlannerCases, plan: PlanConfig) -> dict[str, Scores]:
    """Return what the collective signal in ``file`` would be served with."""
    return score_collective(load_signal(file), cases, read_params("table", TableConfig), plan)


def find_matches(descriptions: tuple[str, ...]) -> dict[str, float]:
    """Return the match rate over all rows, measured once for each planner."""
    mark = (MARKS / "planner").read_text()
    kept = read_json(MATCHES) if MATCHES.exists() else {}
    if kept.get("of") != mark:
        planner = load_planner(paths.BASE_MODEL, paths.PLANNER_ADAPTER)
        pairs = list(all_pairs(len(descriptions)))
        found = asdict(measure_matches(planner, pairs, descriptions))
        kept = {"of": mark, "found": found}
        write_json(kept, MATCHES)
    figures: dict[str, float] = kept["found"]
    return figures
