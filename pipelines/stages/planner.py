"""Stage: the planner's adapter, fine-tuned on the curated transitions."""

from __future__ import annotations

import sys

import polars as pl
import torch

from expectations.contracts.tables import CLUSTERS, ITEM_CLUSTERS, TRANSITIONS
from pipelines import paths, stage
from pipelines.artefact_io import atomic_file, atomic_folder, read_table
from pipelines.params import read_params
from training.clusters.config import ClusterConfig
from training.clusters.tree_view import serving_clusters
from training.config import RuntimeConfig
from training.planner.adapter_io import save_adapter
from training.planner.config import PlannerConfig
from training.planner.examples import read_examples
from training.planner.finetune import fine_tune
from training.planner.model_io import load_base
from training.processes import join_team

CURVE_DECIMALS = 6


def main() -> None:
    """Write the adapter and its training curve."""
    runtime = read_params("runtime", RuntimeConfig)
    config = read_params("planner", PlannerConfig)
    level = read_params("clusters", ClusterConfig).level
    torch.set_num_threads(runtime.threads)
    clusters = serving_clusters(
        read_table(paths.CLUSTERS, CLUSTERS), read_table(paths.ITEM_CLUSTERS, ITEM_CLUSTERS), level
    )
    transitions = read_table(paths.TRANSITIONS, TRANSITIONS)
    tuned = fine_tune(
        load_base(paths.BASE_MODEL, config.hardware),
        clusters.descriptions,
        read_examples(transitions, "train"),
        read_examples(transitions, "validation"),
        config,
        runtime.seed,
    )
    if not join_team(config.hardware.device, "planner.hardware.device").is_first:
        sys.exit()  # of several processes that trained together one writes

    with atomic_folder(paths.PLANNER_ADAPTER) as folder:
        save_adapter(tuned.model, paths.BASE_MODEL, folder)
    with atomic_file(paths.PLANNER_CURVE) as file:
        pl.DataFrame(tuned.curve).write_csv(file, float_precision=CURVE_DECIMALS)


if __name__ == "__main__":
    stage.run("planner", main)
