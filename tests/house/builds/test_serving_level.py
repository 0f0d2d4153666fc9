"""Whatever level is served, every stage speaks of that level's clusters."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
import yaml

from pipelines.io import paths
from tests.house.builds.checkout import clean_checkout, repro, run_module
from training.collective.signal import load_signal
from training.recommender.model.recommender import SequenceRecommender

pytestmark = pytest.mark.long

WANTED = 20


def figures_of(checkout: Path, concern: str) -> dict[str, float]:
    """The metrics that a stage left."""
    figures: dict[str, float] = json.loads((checkout / paths.metrics_of(concern)).read_text())
    return figures


def test_a_wanted_number_of_clusters_is_that_of_every_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("MLFLOW_TRACKING_URI", "FEAST_FS_YAML_FILE_PATH"):
        monkeypatch.delenv(variable, raising=False)
    checkout = clean_checkout(tmp_path / "checkout")
    params = yaml.safe_load((checkout / "params.yaml").read_text())
    params["clusters"] |= {"levels": [2, 4, 32], "wanted": WANTED}  # which is in between
    (checkout / "params.yaml").write_text(yaml.safe_dump(params))
    repro(checkout)

    n_rows = WANTED + WANTED * (WANTED - 1) // 2
    assert figures_of(checkout, "clusters")["n_clusters"] == WANTED
    release = json.loads((checkout / paths.RELEASE).read_text())
    assert release["counts"]["n_clusters"] == WANTED
    assert release["counts"]["n_contexts"] == n_rows
    assert SequenceRecommender.load(checkout / paths.RECOMMENDER).layout.n_clusters == WANTED
    assert len(load_signal(checkout / paths.SIGNAL_BEFORE_TEST).association) == WANTED
    table = pl.read_parquet(checkout / paths.NOVEL_CLUSTER_TABLE)
    assert table.height == n_rows
    seen = pl.read_parquet(checkout / paths.USER_CLUSTER_HISTORY)["consumed_clusters"].explode()
    assert seen.n_unique() == WANTED
    # only a planner that was trained on these clusters writes their descriptions
    assert figures_of(checkout, "planner")["match_rate"] >= 0.99
    run_module(checkout, "pipelines.commands", "publish")
    assert f"{WANTED} interest clusters" in run_module(checkout, "pipelines.commands", "report")
