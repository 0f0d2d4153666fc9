"""Trains the planners that the search is measured on: the pipeline's own stages, any size.

Each size is a folder with a synthetic world, its clusters and a planner that has learned to write
their descriptions (its match rate is checked). A folder that is whole is used again.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl

from expectations.contracts.tables import CLUSTERS, ITEM_CLUSTERS
from inference.search.ranking import families_of
from pipelines.io import paths
from pipelines.io.artefact_io import read_table
from training.clusters.tree_view import serving_clusters
from training.planner.base.model_io import Planner, load_planner

REPOSITORY = Path(__file__).resolve().parents[2]
STAGES = ("ingest", "clusters", "histories", "curate", "collective", "base_model", "planner")
ITEMS_PER_CLUSTER = 16
MIN_MATCH_RATE = 0.95
DONE = "trained"
PARAMS = """
runtime: {{seed: 0, threads: {threads}}}
dataset:
  source: synthetic
  path: {catalogue}
  synthetic: {{n_users: 4000, n_items: {n_items}}}
clusters: {{levels: [4, 16, {n_clusters}]}}
gates: {{clusters: {{max_traffic_balance: 100.0}}}}
planner:
  validation_rows: 400
  match_prompts: 300
  aimed_match_rate: {min_match_rate}
"""


@dataclass(frozen=True)
class TrainedWorld:
    """A planner, the clusters it was trained on by id, and how well it learned."""

    planner: Planner
    descriptions: tuple[str, ...]
    families: tuple[int, ...]
    match_rate: float
    recall_at_10: float

    def thinned(self, n_clusters: int) -> TrainedWorld:
        """Return a world of that many of the descriptions, evenly spread over their ids."""
        kept = np.linspace(0, len(self.descriptions) - 1, n_clusters).round().astype(int)
        return replace(
            self,
            descriptions=tuple(self.descriptions[cluster] for cluster in kept),
            families=tuple(self.families[cluster] for cluster in kept),
        )


def make_world(n_clusters: int, folder: Path, threads: int) -> None:
    """Train a planner for that many clusters in ``folder``, unless that has been done."""
    if (folder / DONE).exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    settings = PARAMS.format(
        threads=threads,
        catalogue=REPOSITORY / "pipelines/sources/synthetic/catalogue.yaml",
        n_items=max(3200, ITEMS_PER_CLUSTER * n_clusters),
        n_clusters=n_clusters,
        min_match_rate=MIN_MATCH_RATE,
    )
    (folder / "params.yaml").write_text(settings)
    shutil.copytree(REPOSITORY / paths.FEATURE_REPO, folder / paths.FEATURE_REPO)
    for stage in STAGES:
        command = [sys.executable, "-m", f"pipelines.stages.{stage}"]
        subprocess.run(command, cwd=folder, env=stage_environment(), check=True)
    (folder / DONE).touch()


def stage_environment() -> dict[str, str]:
    """Return the environment in which a stage finds the code from another folder."""
    return {**os.environ, "PYTHONPATH": str(REPOSITORY)}


def load_world(folder: Path) -> TrainedWorld:
    """Return what :func:`make_world` trained.

    Raises:
        SystemExit: the planner does not write the descriptions: a figure would mean nothing.
    """
    clusters = read_table(folder / paths.CLUSTERS, CLUSTERS)
    level = int(clusters["level"].max())  # type: ignore[arg-type]
    served = serving_clusters(
        clusters, read_table(folder / paths.ITEM_CLUSTERS, ITEM_CLUSTERS), level
    )
    planner = load_planner(folder / paths.BASE_MODEL, folder / paths.PLANNER_ADAPTER)
    planner.model.float()
    curve = pl.read_csv(folder / paths.PLANNER_CURVE)
    match_rate, recall = curve.select("match_rate", "validation_recall_at_10").max().row(0)
    if match_rate < MIN_MATCH_RATE:
        raise SystemExit(f"{folder}: match rate {match_rate:.3f}, at least {MIN_MATCH_RATE} needed")
    families = families_of(served.ancestors)
    return TrainedWorld(planner, served.descriptions, families, match_rate, recall)
