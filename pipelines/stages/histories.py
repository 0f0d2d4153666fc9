"""Stage histories: the Feast offline tables, written a range of users at a time."""

from __future__ import annotations

from tqdm import tqdm

from expectations.contracts.tables import (
    CLUSTERS,
    ITEM_CLUSTERS,
    USER_CLUSTER_HISTORY,
    USER_ITEM_HISTORY,
)
from pipelines.io import paths, stage
from pipelines.io.artefact_io import TableWriter, read_json, read_table, scan_table
from pipelines.io.params import read_params
from training.clusters.config import ClusterConfig
from training.clusters.tree_view import serving_clusters
from training.curation.config import HistoryConfig
from training.curation.histories import cluster_history_rows
from training.curation.item_histories import item_history_rows, snapshot_times
from training.curation.timeline import Timeline
from training.curation.user_chunks import clustered_chunks


def main() -> None:
    """Write both histories of every user."""
    config = read_params("histories", HistoryConfig)
    level = read_params("clusters", ClusterConfig).serving_level
    clusters = serving_clusters(
        read_table(paths.CLUSTERS, CLUSTERS), read_table(paths.ITEM_CLUSTERS, ITEM_CLUSTERS), level
    )
    times = snapshot_times(Timeline.from_json(read_json(paths.TIMELINE)))
    chunks = clustered_chunks(
        scan_table(paths.INTERACTIONS), clusters.item_cluster_frame(), config.chunk_interactions
    )
    with (
        TableWriter(paths.USER_CLUSTER_HISTORY, USER_CLUSTER_HISTORY) as cluster_histories,
        TableWriter(paths.USER_ITEM_HISTORY, USER_ITEM_HISTORY) as item_histories,
    ):
        for chunk in tqdm(chunks, desc="histories", unit="chunk", disable=None):
            cluster_histories.write(cluster_history_rows(chunk, config))
            item_histories.write(item_history_rows(chunk, times, config))


if __name__ == "__main__":
    stage.run("histories", main)
