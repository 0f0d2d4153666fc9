"""Says what became of the clusters of a previous tree: survived, merged, died, split off, born."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from training.clusters.lineage.change_records import ReusedId, Survivor, TreeChanges
from training.clusters.lineage.lineage import LevelLineage
from training.clusters.tree.previous import PreviousTree

MOST = 0.5
"""More than half: of two clusters at most one can have it."""
DIGITS = 6
"""Of shares written down: sums of another order differ beyond them."""


def list_changes(
    lineages: Sequence[LevelLineage], previous: PreviousTree, clusters: pl.DataFrame
) -> TreeChanges:
    """Return what became of every id.

    Args:
        lineages: from :func:`training.clusters.lineage.lineage.keep_ids`.
        previous: the tree gone on from.
        clusters: the present table CLUSTERS.
    """
    survivors: list[Survivor] = []
    reused: list[ReusedId] = []
    for level, lineage in enumerate(lineages):
        nodes = clusters.filter(pl.col("level") == level).sort("cluster_id")
        survivors += _list_survivors(level, lineage, previous, nodes)
        reused += _list_reused_ids(level, lineage, previous, nodes)
    return TreeChanges(previous.config.sha256, tuple(survivors), tuple(reused))


def measure_changes(lineages: Sequence[LevelLineage], changes: TreeChanges) -> dict[str, float]:
    """Return flat figures per level: how many clusters of each fate, and how steady the ids are.

    ``items_under_same_id`` is the share of the items, by weight and of those in both trees, whose
    cluster has the id it had; ``items_of_survivors_under_same_id`` looks only at the items of
    clusters that survived; ``survived_weight`` is the share that those hold.
    """
    figures: dict[str, float] = {}
    for level, lineage in enumerate(lineages):
        fates = changes.count_fates(level)
        total = max(float(lineage.overlap.sum()), 1e-12)
        of_survivors = lineage.overlap[lineage.continues]
        stayed = np.diag(lineage.overlap)[lineage.continues].sum()
        counts = {
            "n_survived": fates.survived,
            "n_merged": fates.merged,
            "n_died": fates.died,
            "n_split": fates.split,
            "n_born": fates.born,
            "survived_weight": float(of_survivors.sum()) / total,
            "items_under_same_id": float(stayed) / total,
            "items_of_survivors_under_same_id": float(stayed)
            / max(float(of_survivors.sum()), 1e-12),
        }
        figures |= {f"{name}_level_{level}": value for name, value in counts.items()}
    return figures


def _receiver(lineage: LevelLineage, n_items: np.ndarray, ended: int) -> int | None:
    """Return the present cluster that most of an ended one lies in; ``None`` if it is gone."""
    row = lineage.overlap[ended]
    if lineage.stayers[ended] <= MOST * n_items[ended]:
        return None
    into = int(row.argmax())
    return into if row[into] > MOST * row.sum() else None


def _origin(lineage: LevelLineage, began: int) -> int | None:
    """Return the previous cluster that most of a new one comes out of; ``None`` if none."""
    column = lineage.overlap[:, began]
    out_of = int(column.argmax())
    return out_of if column[out_of] > MOST * (column.sum() + lineage.newcomers[began]) else None


def _list_survivors(
    level: int, lineage: LevelLineage, previous: PreviousTree, nodes: pl.DataFrame
) -> list[Survivor]:
    sizes = np.maximum(lineage.overlap.sum(axis=1), 1e-12)
    return [
        Survivor(
            level=level,
            cluster_id=cluster,
            description=nodes["description"][cluster],
            was_traffic=round(float(previous.traffic[level][cluster]), DIGITS),
            now_traffic=round(float(nodes["traffic"][cluster]), DIGITS),
            kept=round(float(lineage.overlap[cluster, cluster] / sizes[cluster]), DIGITS),
        )
        for cluster in map(int, np.flatnonzero(lineage.continues))
    ]


def _list_reused_ids(
    level: int, lineage: LevelLineage, previous: PreviousTree, nodes: pl.DataFrame
) -> list[ReusedId]:
    reused = []
    before = [name.text for name in previous.names[level]]
    present = nodes["description"]
    for cluster in map(int, np.flatnonzero(~lineage.continues)):
        into = _receiver(lineage, previous.n_items[level], cluster)
        out_of = _origin(lineage, cluster)
        reused.append(
            ReusedId(
                level=level,
                cluster_id=cluster,
                was=before[cluster],
                was_traffic=round(float(previous.traffic[level][cluster]), DIGITS),
                ended="died" if into is None else "merged",
                into=into,
                into_name=None if into is None else present[into],
                now=present[cluster],
                now_traffic=round(float(nodes["traffic"][cluster]), DIGITS),
                began="born" if out_of is None else "split",
                out_of=out_of,
                out_of_name=None if out_of is None else before[out_of],
            )
        )
    return reused
