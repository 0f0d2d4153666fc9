"""Puts a planner and every baseline to the cases of one clustering."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from benchmarks.planner.runs import (
    MARKS,
    PlannerRun,
    Settings,
    make_clustering,
    make_planner,
)
from expectations.contracts.values import all_contexts
from inference.evaluation.baseline_choice import (
    ChosenBaselines,
    choose_settings,
    list_baselines,
    score_baselines,
)
from inference.evaluation.contenders import (
    UNALIGNED,
    rank_contenders,
    score_test,
    score_validation,
)
from inference.plans.personal_mix import find_mixes
from inference.search.ranking import depth_of_best
from inference.table.plan_table import PlanTable
from pipelines.io import paths
from pipelines.io.artefact_io import read_json, write_json
from pipelines.io.clusters_reader import read_clusters
from pipelines.io.plan_reader import read_plan
from pipelines.io.planner_windows import Split, compare_words, read_window
from pipelines.params.params import read_params
from pipelines.stages import alignment, evaluate
from training.alignment.reference_plans import ReferencePlans
from training.baselines.clusters.window import Window
from training.clusters.tree_view import ServingClusters
from training.evaluation.clusters.by_distance import CaseDistances, average_likes
from training.evaluation.clusters.cases import Scores
from training.evaluation.clusters.compare import measure_exposure, measure_rankings
from training.evaluation.clusters.matches import measure_matches
from training.planner.base.model_io import load_planner

Found = TypeVar("Found")
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
        cases: each contender's figures of every case by metric, [cases].
        breadth: exposure by every contender's plans and by the table; the match rate.
        baselines: names of the single baselines.
        best_baseline: the one of them that did best on the validation before these cases.
    """

    run: PlannerRun
    users: tuple[str, ...]
    cases: Mapping[str, Mapping[str, np.ndarray]]
    breadth: Mapping[str, float]
    baselines: tuple[str, ...]
    best_baseline: str


@dataclass(frozen=True)
class Entry:
    """What every contender scores the clusters of the field's cases, and the planner's table.

    By ``reference``, the planner's plans, a mix is made one person's own.
    """

    scores: Mapping[str, Scores]
    table: PlanTable
    reference: ReferencePlans


def compete(
    settings: Settings,
    clustering: int,
    seeds: Sequence[int],
    split: Split,
    root: Path,
    measure: Callable[[PlannerRun, Field], Found],
) -> list[Found]:
    """Return what ``measure`` finds of each planner on one clustering; baselines are fitted once.

    It is called in the planner's folder.
    """
    world = make_clustering(settings, clustering, root)
    with contextlib.chdir(world.folder):
        field = gather_field(split)
    outcomes = []
    for seed in seeds:
        run = make_planner(settings, world, seed, root)
        with contextlib.chdir(run.folder):
            outcomes.append(measure(run, field))
        print(f"{run.name}: {len(field.judged.cases)} cases", file=sys.stderr, flush=True)
    return outcomes


def gather_field(split: Split) -> Field:
    """Return the field of the clustering in the working folder; another split is not read."""
    clusters = read_clusters(read_params().clusters.serving_level)
    params = read_params()
    words = compare_words(clusters, params.clusters.representation)
    validation = read_window("validation", clusters, words)
    liked = average_likes(CaseDistances.of(validation.cases, clusters.ancestors))
    plan = params.plan.settle(liked, depth_of_best(clusters.n_clusters, params.table))
    baselines = list_baselines(evaluate.evaluation_settings(params, plan))
    chosen = choose_settings(baselines, validation, plan)
    if split == "validation":
        return Field(clusters, validation, chosen, validation, chosen.scores)
    test = read_window("test", clusters, words)
    scores = score_baselines(baselines, chosen.settings, test)
    return Field(clusters, validation, chosen, test, scores)


def score_run(field: Field) -> Entry:
    """Return the scores of the planner in the working folder, aligned, and of all baselines."""
    params = read_params()
    alignment.main(params)
    settings = evaluate.evaluation_settings(params, read_plan())
    n_clusters = field.clusters.n_clusters
    test = evaluate.load_test(field.judged, evaluate.load_table(n_clusters))
    validation = evaluate.load_validation(field.validation, field.clusters.descriptions, settings)
    scores, fit = score_validation(validation, field.chosen, settings)
    if field.judged is not field.validation:
        scores = score_test(test, field.scores, fit, settings)
    return Entry(scores, test.table, test.alignment.reference)


def measure_run(run: PlannerRun, field: Field) -> Outcome:
    """Return what the planner in the working folder comes to, aligned as the settings say."""
    entry, cases, plan = score_run(field), field.judged.cases, read_plan()
    distances = field.judged.distances
    mixes = find_mixes(entry.scores[UNALIGNED], distances, plan, entry.reference)
    ranked = rank_contenders(entry.scores, field.judged, plan, entry.table.depth, mixes)
    return Outcome(
        run,
        cases.users,
        {name: measure_rankings(each, cases) for name, each in ranked.items()},
        {
            **measure_exposure(
                {**ranked, "table": entry.table.rankings()}, field.clusters.n_clusters
            ),
            **find_matches(field.clusters.descriptions),
        },
        tuple(field.scores),
        field.chosen.best,
    )


def find_matches(descriptions: tuple[str, ...]) -> dict[str, float]:
    """Return the match rate over all rows, measured once for each planner."""
    mark = (MARKS / "planner").read_text()
    kept: dict[str, Any] = read_json(MATCHES) if MATCHES.exists() else {}
    if kept.get("of") != mark:
        planner = load_planner(paths.BASE_MODEL, paths.PLANNER_ADAPTER)
        contexts = list(all_contexts(len(descriptions)))
        found = asdict(measure_matches(planner, contexts, descriptions))
        kept = {"of": mark, "found": found}
        write_json(kept, MATCHES)
    figures: dict[str, float] = kept["found"]
    return figures
