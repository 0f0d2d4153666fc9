"""Stage curate: what the planner learns from and is judged on, through historical retrieval."""

from __future__ import annotations

import numpy as np
import polars as pl
from tqdm import tqdm

from expectations.contracts.tables import CASES, INTERACTIONS, ITEM_CASES, TRANSITIONS
from expectations.suites.transitions import transition_suite
from pipelines.guards.bounds import curation_bounds
from pipelines.guards.feature_guards import guard_histories
from pipelines.guards.guards import StageGuards
from pipelines.io import paths, stage
from pipelines.io.artefact_io import (
    atomic_folder,
    read_json,
    scan_table,
    write_json,
    write_table,
)
from pipelines.io.clusters_reader import read_clusters
from pipelines.online.feature_store import apply_definitions, open_offline_store, retrieve_as_of
from pipelines.params.params import Params, read_params
from training.clusters.tree_view import ServingClusters
from training.curation.cases import mine_cases, mine_item_cases, select_cases
from training.curation.config import CurationConfig
from training.curation.data_card import count_targets, write_card
from training.curation.leakage import check_cases, check_item_cases, check_transitions
from training.curation.selection import select_transitions
from training.curation.timeline import Timeline
from training.curation.transitions import mine_transitions, to_transitions
from training.curation.user_chunks import clustered_chunks


def main(params: Params) -> None:
    """Mine labels and cases from interactions; take their histories from the feature store."""
    config = params.curation
    rng = np.random.default_rng(params.runtime.seed)
    guards = StageGuards(paths.gates_of("curate"))
    guard_histories(guards)
    clusters = read_clusters(params.clusters.serving_level)
    timeline = Timeline.from_json(read_json(paths.TIMELINE))

    labels, cases, item_cases = mine(clusters, timeline, config)
    chosen = select_transitions(labels, config, rng)
    cases = select_cases(cases, config.max_cases, rng)
    item_cases = select_cases(item_cases, config.max_cases, rng)

    with open_offline_store() as store:
        services = apply_definitions(store).services
        chosen = retrieve_as_of(store, services.cluster_curation, chosen, config.batch_rows)
        cases = retrieve_as_of(store, services.cluster_curation, cases, config.batch_rows)
        item_cases = retrieve_as_of(store, services.item_curation, item_cases, config.batch_rows)
    check_transitions(chosen)
    check_cases(cases)
    check_item_cases(item_cases)

    transitions = to_transitions(chosen)
    targets = count_targets(labels, transitions, clusters.n_clusters)
    asked = {"cases": cases, "item_cases": item_cases}
    card = write_card(labels, transitions, asked, targets, clusters.ancestors)
    write_json(card, paths.metrics_of("curation"))
    guards.judge_rows("transitions", transition_suite(clusters.n_clusters), [transitions])
    guards.judge_figures("curation_figures", card, curation_bounds(params.gates.curation))
    guards.settle()
    write_table(transitions, paths.TRANSITIONS, TRANSITIONS)
    write_table(cases.sort("origin", "user_id"), paths.CASES, CASES)
    write_table(item_cases.sort("origin", "user_id"), paths.ITEM_CASES, ITEM_CASES)
    with atomic_folder(paths.plots_of("curate")) as folder:
        targets.write_csv(folder / "targets.csv")


def mine(
    clusters: ServingClusters, timeline: Timeline, config: CurationConfig
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Return labels, cluster cases and item cases of all users, a range of users at a time."""
    interactions = scan_table(paths.INTERACTIONS, INTERACTIONS)
    chunks = clustered_chunks(
        interactions, clusters.item_cluster_frame(), config.chunk_interactions
    )
    found = [
        (
            mine_transitions(chunk, timeline),
            mine_cases(chunk, timeline),
            mine_item_cases(chunk, timeline),
        )
        for chunk in tqdm(chunks, desc="curate", leave=False, disable=None)
    ]
    labels, cases, item_cases = zip(*found, strict=True)
    return pl.concat(labels), pl.concat(cases), pl.concat(item_cases)


if __name__ == "__main__":
    stage.run("curate", lambda: main(read_params()))
