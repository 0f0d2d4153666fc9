"""Feast's own lineage is on: the run of a release names the features it is served from."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.io import paths
from pipelines.online.feature_store import open_offline_store, open_store
from pipelines.release.tracking import EXPERIMENT, open_tracking, tracking_uri
from tests.worlds.online.published import PublishedReleases

pytestmark = pytest.mark.usefixtures("tree")


def test_the_run_of_a_release_names_its_features(tree: PublishedReleases) -> None:
    client = open_tracking()
    version = client.get_model_version("interest-explorer", str(tree.first))
    tags = client.get_run(version.run_id).data.tags
    assert tags["feast.project"] == "interest_explorer"
    assert tags["feast.feature_service"] == "user_features"
    assert tags["feast.feature_views"] == "user_cluster_history,user_item_history"
    assert "user_item_history:recent_items" in tags["feast.feature_refs"].split(",")


def test_feast_finds_the_features_of_a_registered_release(tree: PublishedReleases) -> None:
    open_tracking()
    store = open_store()
    assert store.mlflow.resolve_features(f"models:/interest-explorer/{tree.first}") == (
        "user_features"
    )
    # Feast's pages list the runs of the experiment that is called like the project.
    assert store.config.project == EXPERIMENT


def test_lineage_goes_where_runs_are_kept_and_leaves_nothing_else(
    tree: PublishedReleases, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert open_store().config.mlflow.get_tracking_uri() == tracking_uri()
    assert not Path("mlflow.db").exists()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracking.example:5000")
    assert open_store().config.mlflow.get_tracking_uri() == "http://tracking.example:5000"


def test_the_build_has_no_part_in_it(tree: PublishedReleases) -> None:
    with open_offline_store() as store:
        assert store.mlflow is None
    assert paths.TRACKING_DATABASE.exists()
