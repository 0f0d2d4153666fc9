"""Makes runs in which some clusters are fresh: nothing that anybody did with them is left.

The tree, its items and their words stay. What happened in a fresh cluster is taken from the log
and from the transitions, whether before the window or in it; then the pipeline's own stages learn
from what is left.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.planner.runs import (
    MARKS,
    PLANNER_SECTIONS,
    SIGNAL_STAGES,
    Clustering,
    Settings,
    leave_mark,
    name_settings,
    run_stages,
)
from expectations.contracts.errors import UserError
from expectations.contracts.tables import INTERACTIONS, TRANSITIONS
from expectations.contracts.values import HISTORY_SIZE
from pipelines.io import paths
from pipelines.io.artefact_io import read_table, write_table
from pipelines.io.clusters_reader import read_clusters
from pipelines.params.params import read_params
from training.clusters.tree_view import ServingClusters

# Shapes: N clusters, F fresh ones.

FRESH_SHARE = 0.1
DRAW_SEED = 0
BASE_STAGES = ("base_model",)
TUNING_STAGES = ("planner",)


@dataclass(frozen=True)
class FreshRun:
    """A planner, or only a signal, that has seen nothing of some clusters.

    Attributes:
        name: what the run is called in tables.
        draw: which of the draws it is; those of other trees and logs have others.
        fresh: the clusters, ascending, int64 [F].
        has_planner: or only a signal.
        folder: where it lies.
    """

    name: str
    draw: int
    fresh: NDArray[np.int64]
    has_planner: bool
    folder: Path


def draw_fresh(n_clusters: int, count: int) -> list[NDArray[np.int64]]:
    """Return ``count`` tenths of the clusters, each ascending; no cluster is in two of them.

    Raises:
        UserError: there are not so many tenths.
    """
    size = max(1, round(FRESH_SHARE * n_clusters))
    if count * size > n_clusters:
        remedy = f"ask for {n_clusters // size} at most"
        raise UserError("--draws", "share no cluster", remedy, f"{count} of {size} clusters")
    order = np.random.default_rng(DRAW_SEED).permutation(n_clusters)
    return [np.sort(order[nth * size :][:size]) for nth in range(count)]


def make_fresh_run(
    settings: Settings,
    tree: Clustering,
    draw: int,
    fresh: NDArray[np.int64],
    log_share: float,
    root: Path,
    with_planner: bool = True,
) -> FreshRun:
    """Return a run on the tree in which these clusters are fresh.

    Args:
        settings: of the stages.
        tree: with everything in its log.
        draw: number of the draw.
        fresh: clusters that nobody has touched, ascending, int64 [F].
        log_share: of the people, those whose log is left to learn from.
        root: where runs are kept.
        with_planner: or only the collective signal.
    """
    sections = name_settings(settings, PLANNER_SECTIONS)
    folder = root / f"fresh_{tree.seed}_{draw}_{log_share:g}_{sections}"
    with contextlib.chdir(tree.folder):
        clusters = read_clusters(read_params().clusters.serving_level)
    mark = f"{tree.mark} without {fresh.tolist()}, {log_share:g} of the people"
    copied = folder / MARKS / "tree"
    if not copied.exists() or copied.read_text() != mark:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(tree.folder / paths.ARTIFACTS, folder / paths.ARTIFACTS)
        with contextlib.chdir(folder):
            hide_clusters(fresh.tolist(), clusters)
            thin_log(log_share)
        leave_mark(copied, mark)
    signal = run_stages(SIGNAL_STAGES, settings, tree.seed, folder, mark)
    if with_planner:
        base = run_stages(BASE_STAGES, settings, tree.seed, folder, mark)
        run_stages(TUNING_STAGES, settings, tree.seed, folder, base + signal)
    name = f"clustering {tree.seed}, draw {draw}, {log_share:.0%} of the log"
    return FreshRun(name, draw, fresh, with_planner, folder)


def hide_clusters(fresh: Sequence[int], clusters: ServingClusters) -> None:
    """Take all that people did with these clusters from the folder's log and transitions.

    A transition that leads to one of them goes, and one whose history held nothing else.
    """
    hidden = clusters.item_cluster_frame().filter(pl.col("cluster_id").is_in(fresh))
    log = read_table(paths.INTERACTIONS, INTERACTIONS)
    left = log.join(hidden, on="item_id", how="anti", maintain_order="left")
    write_table(left, paths.INTERACTIONS, INTERACTIONS)
    is_known = ~pl.element().is_in(fresh)
    known = read_table(paths.TRANSITIONS, TRANSITIONS).with_columns(
        pl.col("history_clusters", "consumed_clusters").list.eval(pl.element().filter(is_known))
    )
    history = pl.col("history_clusters")
    transitions = known.filter(~pl.col("target_cluster").is_in(fresh), history.list.len() > 0)
    context = history.list.head(HISTORY_SIZE).list.sort()
    write_table(transitions.with_columns(context=context), paths.TRANSITIONS, TRANSITIONS)


def thin_log(share: float) -> None:
    """Leave a share of the people in the folder's log and transitions, always the same ones."""
    log = read_table(paths.INTERACTIONS, INTERACTIONS)
    people = log["user_id"].unique().sort()
    order = np.random.default_rng(DRAW_SEED).permutation(len(people))
    kept = people.gather(np.sort(order[: round(share * len(people))])).to_frame()
    for path, table in ((paths.INTERACTIONS, INTERACTIONS), (paths.TRANSITIONS, TRANSITIONS)):
        rows = read_table(path, table)
        write_table(rows.join(kept, on="user_id", how="semi", maintain_order="left"), path, table)
