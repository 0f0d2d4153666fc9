"""Leaves the manifest of the release: every part by its hash, the gate report, the counts."""

from __future__ import annotations

import os

import polars as pl
from dvc.env import DVC_EXP_NAME

from expectations.contracts.content_hash import hash_content
from expectations.contracts.tables import (
    CLUSTERS,
    ITEM_TITLES,
    ITEMS,
    NOVEL_CLUSTER_TABLE,
    USER,
    USER_CLUSTER_HISTORY,
)
from expectations.gates.report import GateReport
from inference.release.manifest import (
    ClusterIds,
    GateVerdict,
    ReleaseCounts,
    ReleaseManifest,
    probe_evenly,
    read_manifest,
)
from pipelines.io import paths, stage
from pipelines.io.artefact_io import (
    read_figures,
    read_json,
    read_table,
    scan_table,
    write_json,
    write_table,
)
from pipelines.params.params import Params, read_params
from pipelines.release.release_parts import MEASURED, RELEASE_PARTS
from pipelines.release.summary import take_headlines
from training.clusters.lineage.change_records import TreeChanges

PROBE_USERS = 1000
"""Kept in the manifest; a service looks up ``serving.probes`` of them."""


def main(params: Params) -> None:
    """Name every item, hash all parts, write manifest and summary."""
    level = params.clusters.serving_level
    items = read_table(paths.ITEMS, ITEMS)
    write_table(
        items.select(ITEM_TITLES.schema.names).sort("item_id"), paths.ITEM_TITLES, ITEM_TITLES
    )
    users = _users()
    changes = TreeChanges.from_json(read_json(paths.CLUSTER_CHANGES))
    manifest = ReleaseManifest(
        parts={name: hash_content(path) for name, path in RELEASE_PARTS.items()},
        serving_level=level,
        counts=_count(len(users), items.height, level),
        gates=_verdicts(),
        measured={name: hash_content(path) for name, path in MEASURED.items()},
        probe_users=probe_evenly(users, PROBE_USERS),
        cluster_ids=ClusterIds(changes.previous_tree, changes.reused_ids),
    )
    write_json(manifest.to_json(), paths.RELEASE)
    figures = {
        "planner": read_figures(paths.metrics_of("planner")),
        "recommender": read_figures(paths.metrics_of("recommender")),
    }
    write_json(take_headlines(figures), paths.metrics_of("summary"))


def _users() -> list[str]:
    histories = scan_table(paths.USER_CLUSTER_HISTORY, USER_CLUSTER_HISTORY)
    users: list[str] = (
        histories.select(pl.col(USER.name).unique().sort()).collect()[USER.name].to_list()
    )
    return users


def _count(n_users: int, n_items: int, level: int) -> ReleaseCounts:
    nodes = scan_table(paths.CLUSTERS, CLUSTERS).filter(pl.col("level") == level)
    rows = scan_table(paths.NOVEL_CLUSTER_TABLE, NOVEL_CLUSTER_TABLE)
    return ReleaseCounts(
        n_users=n_users,
        n_items=n_items,
        n_clusters=int(nodes.select(pl.len()).collect().item()),
        n_contexts=int(rows.select(pl.len()).collect().item()),
    )


def _verdicts() -> tuple[GateVerdict, ...]:
    """Return what every gated stage said, in the order of the stages."""
    files = (
        paths.gates_of("ingest"),
        paths.gates_of("clusters"),
        paths.gates_of("histories"),
        paths.gates_of("curate"),
        paths.gates_of("table"),
        paths.gates_of("evaluate"),
        paths.gates_of("evaluate_recommender"),
    )
    report = GateReport.merge(GateReport.from_json(read_json(file), str(file)) for file in files)
    return tuple(
        GateVerdict(
            guard=verdict.guard,
            metric=verdict.metric,
            figure=verdict.figure,
            minimum=verdict.minimum,
            maximum=verdict.maximum,
            severity=verdict.severity,
            passed=verdict.passed,
            reason=verdict.reason,
        )
        for verdict in report.verdicts
    )


def main_and_log(params: Params) -> None:
    """Make the release, and leave an MLflow run of it if this is an experiment of DVC's."""
    main(params)
    if DVC_EXP_NAME in os.environ:  # MLflow takes seconds to import
        from pipelines.release.experiment_run import log_experiment_run

        log_experiment_run(read_manifest(paths.RELEASE).release_id)


if __name__ == "__main__":
    stage.run("release", lambda: main_and_log(read_params()))
