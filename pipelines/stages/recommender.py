"""Stage recommender: the sequence model over items, and what people like where nothing is known."""

from __future__ import annotations

import shutil
import sys
from dataclasses import asdict

import numpy as np
import polars as pl
import torch

from expectations.contracts.tables import INTERACTIONS, ITEM_POPULARITY, ITEMS
from pipelines.io import paths, stage
from pipelines.io.artefact_io import (
    atomic_file,
    atomic_folder,
    read_json,
    read_table,
    scan_table,
    write_table,
)
from pipelines.io.clusters_reader import read_clusters
from pipelines.params.params import Params, read_params
from training.clusters.tree.centroids_io import load_centroids
from training.curation.timeline import Timeline
from training.processes import join_process_group
from training.recommender.data.layout import ItemLayout, arrange_items
from training.recommender.fitting.release_fit import fit_for_release
from training.recommender.fitting.training_run import EpochReport
from training.recommender.model.popularity import count_likes


def main(params: Params) -> None:
    """Lay the items out by cluster, train, and write model, curve and popularity.

    A training that was killed goes on from its last checkpoint, with the same result.
    """
    runtime = params.runtime
    config = params.recommender
    torch.set_num_threads(runtime.threads)
    timeline = Timeline.from_json(read_json(paths.TIMELINE))
    clusters = read_clusters(params.clusters.serving_level)
    interactions = scan_table(paths.INTERACTIONS, INTERACTIONS)
    layout = arrange_items(clusters.item_ids, clusters.cluster_of_item, clusters.n_clusters)

    epochs: list[EpochReport] = []
    fitted = fit_for_release(
        interactions,
        layout,
        timeline,
        config,
        runtime.seed,
        epochs.append,
        paths.RECOMMENDER_TRAINING,
        read_item_text(layout) if config.item_text else None,
    )
    if not join_process_group(config.device, "recommender.device").is_main:
        sys.exit()  # of several processes that trained together one writes

    with atomic_folder(paths.RECOMMENDER) as folder:
        fitted.shipped.save(folder)
    with atomic_folder(paths.RECOMMENDER_BEFORE_VALIDATION) as folder:
        fitted.before_validation.save(folder)
    with atomic_file(paths.RECOMMENDER_CURVE) as file:
        pl.DataFrame([asdict(epoch) for epoch in epochs], infer_schema_length=None).write_csv(file)
    likes = count_likes(interactions, layout, timeline.fit_until)
    write_table(likes, paths.ITEM_POPULARITY, ITEM_POPULARITY)
    shutil.rmtree(paths.RECOMMENDER_TRAINING, ignore_errors=True)


def read_item_text(layout: ItemLayout) -> np.ndarray:
    """Return what the stage clusters made of each item's text, in order of row, ``[I, T]``.

    Unit rows; zeros for an item without text.
    """
    encoder = load_centroids(paths.TREE_CENTROIDS).encoder.text
    items = read_table(paths.ITEMS, ITEMS).sort("item_id")
    rows = items.select("item_id").with_row_index("row")
    laid_out = layout.frame.join(rows, on="item_id", how="left", maintain_order="left")
    text: np.ndarray = encoder.encode(items)[laid_out["row"].to_numpy()]
    return text


if __name__ == "__main__":
    stage.run("recommender", lambda: main(read_params()))
