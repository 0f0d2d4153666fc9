"""Stage clusters: a tree of interest clusters over the items, each named in words."""

from __future__ import annotations

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from expectations.contracts.tables import (
    CLUSTERS,
    INTERACTIONS,
    ITEM_CLUSTERS,
    ITEM_EMBEDDINGS,
    ITEMS,
)
from expectations.suites.cluster_tables import (
    cluster_suite,
    description_suite,
    item_cluster_suite,
)
from pipelines.guards.bounds import cluster_bounds
from pipelines.guards.guards import StageGuards
from pipelines.io import paths, stage
from pipelines.io.artefact_io import (
    atomic_file,
    atomic_folder,
    read_json,
    read_table,
    scan_table,
    write_json,
    write_table,
)
from pipelines.io.previous_tree import read_previous_tree
from pipelines.params.params import Params, read_params
from training.clusters.lineage.change_records import TreeChanges
from training.clusters.lineage.changes import list_changes, measure_changes
from training.clusters.lineage.changes_text import write_changes
from training.clusters.lineage.lineage import LevelLineage, keep_ids, keep_names
from training.clusters.map.map_page import write_map
from training.clusters.naming.name_quality import measure_names
from training.clusters.naming.naming import name_tree
from training.clusters.representation.represent import fit_items
from training.clusters.representation.words import read_words
from training.clusters.tree.assign import TreeCentroids
from training.clusters.tree.centroids_io import save_centroids
from training.clusters.tree.frames import frame_clusters, frame_item_clusters, frame_traffic
from training.clusters.tree.quality import measure_clusters, measure_stays
from training.clusters.tree.tree import build_tree
from training.clusters.tree_view import serving_clusters
from training.curation.timeline import Timeline


def main(params: Params) -> None:
    """Represent the items, build and describe the tree, write it, and judge it."""
    config = params.clusters
    runtime = params.runtime
    timeline = Timeline.from_json(read_json(paths.TIMELINE))
    items = read_table(paths.ITEMS, ITEMS).sort("item_id")
    interactions = scan_table(paths.INTERACTIONS, INTERACTIONS)
    previous = read_previous_tree(config, items["item_id"])
    rng = np.random.default_rng(runtime.seed)

    with threadpool_limits(runtime.threads):  # another number of threads sums in another order
        encoder, represented = fit_items(
            items, interactions, timeline.fit_until, config.representation, rng
        )
        tree = build_tree(represented, config, rng, previous)
        lineages: tuple[LevelLineage, ...] = ()
        if previous:
            tree, lineages = keep_ids(tree, previous, represented)
    kept = keep_names(lineages, previous) if previous else ()
    names, writing = name_tree(items, tree, represented, config, kept)

    clusters = frame_clusters(tree, names, represented)
    changes = list_changes(lineages, previous, clusters) if previous else TreeChanges()
    item_clusters = frame_item_clusters(tree, represented.item_ids)
    view = serving_clusters(clusters, item_clusters, config.serving_level)
    metrics = {
        **measure_clusters(clusters, represented.top_item_share, config.serving_level),
        **measure_stays(interactions, view.item_cluster_frame(), timeline.fit_until, rng),
        **measure_changes(lineages, changes),
        **writing.to_metrics(),
        **measure_names(
            names[config.serving_level],
            read_words(items),
            tree.labels[config.serving_level],
            represented.traffic,
        ),
    }

    write_json(metrics, paths.metrics_of("clusters"))
    guards = StageGuards(paths.gates_of("clusters"))
    guards.judge_figures("cluster_figures", metrics, cluster_bounds(params.gates.clusters))
    guards.judge_rows("clusters", cluster_suite(clusters), [clusters])
    guards.judge_rows("descriptions", description_suite(), [clusters])
    suite = item_cluster_suite(clusters, items["item_id"])
    guards.judge_rows("item_clusters", suite, [item_clusters])
    guards.settle()
    write_table(clusters, paths.CLUSTERS, CLUSTERS)
    write_table(item_clusters, paths.ITEM_CLUSTERS, ITEM_CLUSTERS)
    write_table(represented.to_frame(), paths.ITEM_EMBEDDINGS, ITEM_EMBEDDINGS)
    with atomic_folder(paths.TREE_CENTROIDS) as folder:
        save_centroids(TreeCentroids.of(tree, encoder), folder)
    write_json(changes.to_json(), paths.CLUSTER_CHANGES)
    with atomic_file(paths.CLUSTER_CHANGES_PAGE) as page:
        page.write_text(write_changes(changes), encoding="utf-8")
    with atomic_file(paths.CLUSTER_MAP) as page:
        page.write_text(
            write_map(tree, clusters, items, represented, config.serving_level), encoding="utf-8"
        )
    with atomic_folder(paths.plots_of("clusters")) as folder:
        frame_traffic(clusters, config.serving_level).write_csv(folder / "traffic.csv")


if __name__ == "__main__":
    stage.run("clusters", lambda: main(read_params()))
