"""The planner against every baseline over several clusterings and seeds, users as the unit.

Run from the top of the repository, for example on Office with its own window borders:

    python -m benchmarks.planner --folder var/planner_runs --clusterings 0 1 2 --seeds 0 1 \\
        -S dataset.source=files -S dataset.path=../shared/data/amazon-office \\
        -S split.validation_start=2018-07-20 -S split.test_start=2018-10-28 -S split.origins=1

Every clustering and every planner is made by the pipeline's own stages in a folder of its own;
with `--folder` those of the same settings and the same code are used again. What all runs give a
user is averaged first, then users are resampled. Validation is measured unless the test is asked
for: settings are chosen on validation.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.planner_runs import (
    MARKS,
    PlannerRun,
    Settings,
    make_clustering,
    make_planner,
    read_settings,
)
from benchmarks.planner_tables import show_contenders, show_differences, show_runs
from expectations.contracts.tables import CLUSTERS, ITEM_CLUSTERS, NOVEL_CLUSTER_TABLE
from expectations.contracts.values import all_pairs
from inference.planning.baseline_choice import (
    ChosenBaselines,
    choose_settings,
    list_baselines,
    score_baselines,
)
from inference.planning.case_table import plan_looked_up
from inference.planning.config import PlanConfig, TableConfig
from inference.planning.contenders import (
    AS_SERVED,
    add_crosswise_stacks,
    add_stacks,
    fit_judges,
    rank_contenders,
    score_collective,
    score_planner,
)
from inference.planning.plan_table import PlanTable
from inference.planning.planner_figures import list_differences
from pipelines import paths
from pipelines.artefact_io import read_json, read_table, write_json
from pipelines.params import read_params
from pipelines.planner_windows import Split, read_window
from training.baselines.window import Scores, Window
from training.clusters.config import ClusterConfig
from training.clusters.tree_view import ServingClusters, serving_clusters
from training.collective.signal import load_signal
from training.config import RuntimeConfig
from training.evaluation.cases import PlannerCases
from training.evaluation.compare import (
    METRICS,
    average_within_users,
    measure_cases,
    measure_exposure,
)
from training.evaluation.config import EvaluationConfig
from training.evaluation.matches import measure_matches
from training.metrics import DECIMALS, Interval, bootstrap_intervals
from training.planner.model_io import load_planner

BOOTSTRAP_SEED = 0
RESAMPLES = 2000
MATCHES = paths.VAR / "matches.json"
RECALL_AT_10 = METRICS[2]
LOOK = "This is a look at the test window: log it, with its outcome, in docs/experiments.md."


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
    """

    run: PlannerRun
    users: tuple[str, ...]
    cases: Mapping[str, np.ndarray]
    breadth: Mapping[str, float]
    baselines: tuple[str, ...]


def main() -> None:
    """Make or find all runs, measure them, print the tables and write the figures."""
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    settings = read_settings(arguments.set, arguments.threads)
    with contextlib.ExitStack() as stack:
        folder = arguments.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        outcomes = [
            outcome
            for clustering in arguments.clusterings
            for outcome in compete(
                settings, clustering, arguments.seeds, arguments.split, folder.resolve()
            )
        ]
    intervals = compare_outcomes(outcomes)
    breadths = {outcome.run.name: outcome.breadth for outcome in outcomes}
    users = next(iter(intervals.values())).n_users
    print(f"{arguments.split}, {len(outcomes)} runs, {users} users, differences by user\n")
    print(show_contenders(intervals, list(breadths.values())), end="\n\n")
    print(show_differences(intervals), show_runs(breadths), sep="\n\n")
    if arguments.split == "test":
        print(f"\n{LOOK}")
    if arguments.out:
        write_json(to_figures(outcomes, intervals), arguments.out)


def parse_arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-S", dest="set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--clusterings", type=int, nargs="+", default=[0, 1, 2], metavar="SEED")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1], help="of the planner")
    parser.add_argument("--split", choices=["validation", "test"], default="validation")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where runs are kept; temporary if absent")
    parser.add_argument("--out", type=Path, help="JSON file for all figures")
    return parser.parse_args()


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
        reached = outcomes[-1].cases[AS_SERVED][:, METRICS.index(RECALL_AT_10)].mean()
        print(f"{run.name}: recall@10 as served {reached:.4f}", file=sys.stderr, flush=True)
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
    """Return what the planner in the working folder comes to."""
    plan = read_params("plan", PlanConfig)
    penalty = read_params("evaluation", EvaluationConfig).stack_penalty
    n_clusters = field.clusters.n_clusters
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
    before = {
        **score_planner(looked_up, field.validation.cases, plan),
        **score_signal(paths.SIGNAL_BEFORE_VALIDATION, field.validation.cases, plan),
    }
    cases = field.judged.cases
    if field.judged is field.validation:
        scores = {**before, **field.scores}
        scores = add_crosswise_stacks(scores, field.chosen, cases, penalty)
    else:
        judges = fit_judges(field.chosen, before[AS_SERVED], field.validation.cases, penalty)
        late = score_signal(paths.SIGNAL_BEFORE_TEST, cases, plan)
        scores = {**score_planner(table, cases, plan), **late, **field.scores}
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


def compare_outcomes(outcomes: Sequence[Outcome]) -> dict[str, Interval]:
    """Return intervals over users of every contender's figures and of the differences wanted."""
    users = [user for outcome in outcomes for user in outcome.users]
    pooled = {
        name: np.concatenate([outcome.cases[name] for outcome in outcomes])
        for name in outcomes[0].cases
    }
    for ours, theirs in list_differences(outcomes[0].baselines):
        pooled[f"{ours}_minus_{theirs}"] = pooled[ours] - pooled[theirs]
    of_users, names = average_within_users(np.concatenate(list(pooled.values()), axis=1), users)
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    intervals = bootstrap_intervals(of_users, names, rng, RESAMPLES)
    columns = [f"{metric}_{name}" for name in pooled for metric in METRICS]
    return dict(zip(columns, intervals, strict=True))


def to_figures(outcomes: Sequence[Outcome], intervals: Mapping[str, Interval]) -> dict[str, object]:
    """Return all figures, of the runs together and of each alone, for a JSON file."""
    together: dict[str, float] = {}
    for name, interval in intervals.items():
        together |= interval.named(name)
    alone = {
        outcome.run.name: {
            **outcome.breadth,
            **{
                f"{metric}_{name}": round(float(mean), DECIMALS)
                for name, figures in outcome.cases.items()
                for metric, mean in zip(METRICS, figures.mean(axis=0), strict=True)
            },
        }
        for outcome in outcomes
    }
    return {"together": together, "runs": alone}


if __name__ == "__main__":
    main()
