"""Stage histories: the Feast offline tables, written a range of users at a time."""

from __future__ import annotations

from tqdm import tqdm

from expectations.contracts.errors import UserError
from expectations.contracts.tables import INTERACTIONS, USER_CLUSTER_HISTORY, USER_ITEM_HISTORY
from pipelines.guards.feature_guards import guard_histories, guard_interactions
from pipelines.guards.guards import StageGuards
from pipelines.io import paths, stage
from pipelines.io.artefact_io import TableWriter, read_json, scan_table
from pipelines.io.clusters_reader import read_clusters
from pipelines.params.params import Params, read_params
from training.curation.histories import cluster_history_rows
from training.curation.item_histories import item_history_rows, snapshot_times
from training.curation.timeline import Timeline
from training.curation.user_chunks import clustered_chunks


def main(params: Params) -> None:
    """Write both histories of every user; they stay only if they keep their suites."""
    guards = StageGuards(paths.gates_of("histories"))
    guard_interactions(guards)
    write_histories(params)
    try:
        guard_histories(guards)
    except UserError:
        paths.USER_CLUSTER_HISTORY.unlink(missing_ok=True)
        paths.USER_ITEM_HISTORY.unlink(missing_ok=True)
        raise


def write_histories(params: Params) -> None:
    """Write both tables, a range of users at a time."""
    config = params.histories
    clusters = read_clusters(params.clusters.serving_level)
    times = snapshot_times(Timeline.from_json(read_json(paths.TIMELINE)))
    interactions = scan_table(paths.INTERACTIONS, INTERACTIONS)
    membership = clusters.item_cluster_frame()
    chunks = clustered_chunks(interactions, membership, config.chunk_interactions)
    with (
        TableWriter(paths.USER_CLUSTER_HISTORY, USER_CLUSTER_HISTORY) as cluster_histories,
        TableWriter(paths.USER_ITEM_HISTORY, USER_ITEM_HISTORY) as item_histories,
    ):
        for chunk in tqdm(chunks, desc="histories", leave=False, disable=None):
            cluster_histories.write(cluster_history_rows(chunk, config))
            item_histories.write(item_history_rows(chunk, times, config))


if __name__ == "__main__":
    stage.run("histories", lambda: main(read_params()))
