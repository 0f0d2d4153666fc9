"""Whether rows of a large table hold enough at every distance, beside whole rows, in dealt plans.

Run from the top of the repository: `python -m benchmarks.planning.far_places FOLDER`, where FOLDER
is a working tree in which the stages up to `collective` have run, as `benchmarks.planning.compare
train` leaves it. The collective signal fills the rows, for the people of the validation cases,
with all that they liked and with their newest two clusters alone.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.markdown import to_markdown
from expectations.contracts.tables import CASES
from expectations.contracts.values import NO_CLUSTER
from inference.evaluation.case_table import fill_case_table
from inference.plans.combine import plan_batch
from inference.plans.config import Mix, PlanConfig
from inference.search.config import TableConfig
from inference.search.ranking import RankEverything, depth_of_best, families_of
from pipelines.io import paths
from pipelines.io.artefact_io import read_table
from pipelines.io.clusters_reader import read_clusters
from pipelines.params.params import read_params
from training.alignment.reference_plans import NOBODY
from training.clusters.distance import DISTANCES
from training.clusters.tree_view import ServingClusters
from training.collective.signal import CollectiveSignal, load_signal
from training.evaluation.clusters.cases import PlannerCases

MIX = Mix(adjacent=1, new_family=2, new_field=2)
DEALT = np.array([2, 4, 4])  # of ten places
PLACES = 10
PER_FAMILY = (0, 2, 4, 8)
SEED = 0


def main() -> None:
    """Print a row of a Markdown table for each way to fill rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, default=1500)
    arguments = parser.parse_args()
    with contextlib.chdir(arguments.folder):
        clusters = read_clusters(read_params().clusters.serving_level)
        cases = PlannerCases.from_frame(read_table(paths.CASES, CASES), "validation")
        signal = load_signal(paths.SIGNAL_BEFORE_VALIDATION)
    rng = np.random.default_rng(SEED)
    chosen = rng.permutation(len(cases))[: arguments.people].tolist()
    histories = [tuple(cases.histories[row]) for row in chosen]
    consumed = [tuple(cases.consumed[row]) for row in chosen]
    newest = [history[:2] for history in histories]
    title = ("known", "a family", "places a row", *(f"short of {d}" for d in DISTANCES), "same ten")
    rows = [
        (name, *cells)
        for name, states in (("all", (histories, consumed)), ("two clusters", (newest, newest)))
        for cells in compare_rows(clusters, signal, *states)
    ]
    print(to_markdown(title, rows))


def compare_rows(
    clusters: ServingClusters,
    signal: CollectiveSignal,
    histories: Sequence[Sequence[int]],
    consumed: Sequence[Sequence[int]],
) -> list[tuple[str, ...]]:
    """Return what plans of these people come to by rows with more or fewer of every family."""
    codes = clusters.ancestors.distances_of(
        [[*h, *c] for h, c in zip(histories, consumed, strict=True)]
    )
    has_enough = np.stack([(codes == code).sum(axis=1) for code in range(3)], axis=1) >= DEALT

    def plan(config: TableConfig) -> tuple[float, NDArray[np.float64], list[set[int]]]:
        settings = PlanConfig(
            mix=MIX, personal_mix=False, table_depth=depth_of_best(clusters.n_clusters, config)
        )
        ranker = RankEverything(signal, families_of(clusters.ancestors), config)
        table = fill_case_table(ranker, clusters.n_clusters, histories, config, settings)
        batch = plan_batch(histories, consumed, table, clusters.ancestors, settings, PLACES, NOBODY)
        planned = batch.clusters != NO_CLUSTER
        found = [((batch.distances == code) & planned).sum(axis=1) for code in range(3)]
        short = ((np.stack(found, axis=1) < DEALT) & has_enough).mean(axis=0)
        length = float((table.clusters != NO_CLUSTER).sum(axis=1).mean())
        return length, short, [set(ranked) for ranked in batch.rankings()]

    _, _, whole = plan(TableConfig(whole_up_to=clusters.n_clusters))
    cells = []
    for per_family in PER_FAMILY:
        length, short, planned = plan(TableConfig(per_family=per_family))
        same = [len(ours & best) / PLACES for ours, best in zip(planned, whole, strict=True)]
        shares = (f"{share:.3f}" for share in (*short, np.mean(same)))
        cells.append((str(per_family), f"{length:.1f}", *shares))
    return cells


if __name__ == "__main__":
    main()
