"""Publishing into a real registry and a real online store: complete, checked, done once."""

from __future__ import annotations

import json
from pathlib import Path

import mlflow
import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from expectations.contracts import tables
from expectations.contracts.content_hash import hash_content
from expectations.contracts.errors import ContractError, ReleaseError, UserError
from expectations.contracts.values import ClusterContext
from inference.features.online_features import FeatureReader
from inference.release.manifest import check_parts, read_manifest
from inference.release.registered import CHALLENGER, MEMBERS_FILE, RELEASE_MODEL
from inference.release.release_source import ReleaseSource
from pipelines.io import paths
from pipelines.io.artefact_io import read_table
from pipelines.lifecycle.publish import publish
from pipelines.online.feature_store import open_store
from pipelines.online.online_store import latest_states
from pipelines.params.params import read_params
from pipelines.release.model_registry import find_release
from pipelines.release.release_parts import RELEASE_PARTS
from pipelines.release.summary import HEADLINES
from pipelines.release.tracking import open_tracking, tracking_uri
from pipelines.stages import release
from tests.worlds.online.published import PublishedReleases
from tests.worlds.online.serving import NAMES, PEOPLE

pytestmark = pytest.mark.usefixtures("tree")


def test_the_online_rows_are_the_newest_states(tree: PublishedReleases) -> None:
    with ReleaseSource(tracking_uri()).fetch(tree.first) as fetched:
        release_id = fetched.manifest.release_id
    users = FeatureReader(open_store).read_users(release_id, [*PEOPLE, "nobody"])
    assert set(users) == set(PEOPLE)
    for user, person in PEOPLE.items():
        assert list(users[user].history_clusters) == person.history
        assert list(users[user].consumed_clusters) == person.consumed
        assert list(users[user].recent_items) == person.items


def test_rows_of_two_releases_live_side_by_side(tree: PublishedReleases) -> None:
    source, reader = ReleaseSource(tracking_uri()), FeatureReader(open_store)
    context = ClusterContext.of(0, 1)
    best = []
    for version in (tree.first, tree.second):
        with source.fetch(version) as fetched:
            rows = reader.fetch_rows(fetched.manifest.release_id, [context])
        best.append(int(rows[context].novel_clusters[0]))
    assert best == [2, 5]


def test_the_newest_row_of_a_user_wins_whatever_the_order_of_rows() -> None:
    states = latest_states(paths.USER_CLUSTER_HISTORY, tables.USER_CLUSTER_HISTORY)
    assert states["user_id"].to_list() == sorted(PEOPLE)
    newest = dict(zip(states["user_id"], states["history_clusters"].to_list(), strict=True))
    assert newest == {user: person.history for user, person in PEOPLE.items()}


def test_publishing_the_same_release_again_makes_no_second_version(
    tree: PublishedReleases,
) -> None:
    before = _count_versions()
    _, version, is_new = publish(open_store(), open_tracking(), read_manifest(paths.RELEASE))
    assert (version, is_new) == (tree.worse, False)
    assert _count_versions() == before
    assert ReleaseSource(tracking_uri()).version_at(CHALLENGER) == tree.worse


def test_a_release_names_its_members_inside_its_artefact(tree: PublishedReleases) -> None:
    client = open_tracking()
    with ReleaseSource(tracking_uri()).fetch(tree.second) as fetched:
        members = json.loads((fetched.folder / MEMBERS_FILE).read_text())
        assert find_release(client, fetched.manifest.release_id).version == tree.second
    # Both releases share planner and recommender, so these were registered once.
    assert members == {"schema": 2, "planner_version": 1, "recommender_version": 1}


def test_the_run_says_what_was_built_and_how_it_measured(tree: PublishedReleases) -> None:
    client = open_tracking()
    version = client.get_model_version(RELEASE_MODEL, str(tree.first))
    run = client.get_run(version.run_id)
    assert run.data.params["clusters.levels"] == f"[2, {len(NAMES)}]"
    assert run.data.metrics["planner_recall_at_10"] == 0.5
    ours = {name for name in run.data.metrics if not name.startswith(("curve.", "feast."))}
    assert ours <= {*HEADLINES, "cost_wall_seconds", "cost_processor_seconds"}
    files = {file.path for file in client.list_artifacts(version.run_id, "metrics")}
    assert {"metrics/planner.json", "metrics/summary.json"} <= files
    assert len(run.data.tags["dvc_lock_sha256"]) == 64
    inputs = {given.dataset.name: given for given in run.inputs.dataset_inputs}
    assert set(inputs) >= {"items", "interactions"}
    items = inputs["items"].dataset
    assert json.loads(items.source)["uri"] == paths.ITEMS.as_posix()
    assert hash_content(paths.ITEMS).sha256.startswith(items.digest)
    assert [
        c["name"] for c in json.loads(items.schema)["mlflow_colspec"]
    ] == tables.ITEMS.schema.names
    curve = client.get_metric_history(version.run_id, "curve.planner.match_rate")
    assert [(point.step, point.value) for point in curve] == [(10, 0.1), (20, 0.9)]
    losses = client.get_metric_history(version.run_id, "curve.recommender.train_loss")
    assert [(point.step, point.value) for point in losses] == [(0, 5.0), (1, 4.5)]
    name = "curve.recommender.validation_ndcg_at_10"
    ndcgs = client.get_metric_history(version.run_id, name)
    assert [(point.step, point.value) for point in ndcgs] == [(0, 0.25)]  # none while refitting


def test_nothing_is_stored_as_a_pickle_and_base_weights_once() -> None:
    stored = [file for file in paths.TRACKED_ARTIFACTS.rglob("*") if file.is_file()]
    assert stored
    assert not [file for file in stored if file.suffix in (".pkl", ".pickle", ".bin", ".pt")]
    bases = [file for file in stored if file.name == "model.safetensors"]
    assert [file.parent.name for file in bases] == ["base"]


def test_the_logged_planner_refuses_another_base_model(tmp_path: Path) -> None:
    open_tracking()
    for file in paths.BASE_MODEL.iterdir():
        content = file.read_bytes()
        (tmp_path / file.name).write_bytes(
            content[:-1] + b"\x01" if file.suffix == ".safetensors" else content
        )
    with pytest.raises(UserError, match="belongs to the base model"):
        mlflow.pyfunc.load_model(
            "models:/interest-explorer-planner/1", model_config={"base_folder": str(tmp_path)}
        )


def test_a_tree_that_changed_after_its_release_stage_is_not_published(
    tree: PublishedReleases,
) -> None:
    with ReleaseSource(tracking_uri()).fetch(tree.first) as fetched:
        manifest = fetched.manifest
    # The table in the tree is that of the last release, not of the first.
    with pytest.raises(ReleaseError, match="novel_cluster_table"):
        check_parts(manifest, RELEASE_PARTS)


def test_figures_that_promotion_could_not_read_are_not_published() -> None:
    whole, before = paths.PLAN_FIGURES.read_bytes(), _count_versions()
    figures = read_table(paths.PLAN_FIGURES, tables.PLAN_FIGURES)
    above = figures.with_columns(recall_at_10=pl.lit(1.05, pl.Float32))
    data = above.to_arrow().cast(tables.PLAN_FIGURES.schema)
    pq.write_table(data, paths.PLAN_FIGURES)
    try:
        release.main(read_params())
        with pytest.raises(ContractError, match=r"recall_at_10 is <= 1 \(found: \[1\.0[45]"):
            publish(open_store(), open_tracking(), read_manifest(paths.RELEASE))
    finally:
        paths.PLAN_FIGURES.write_bytes(whole)
        release.main(read_params())
    assert _count_versions() == before


def test_the_scores_come_back_bit_for_bit(tree: PublishedReleases) -> None:
    with ReleaseSource(tracking_uri()).fetch(tree.worse) as fetched:
        release_id = fetched.manifest.release_id
    table = read_table(paths.NOVEL_CLUSTER_TABLE, tables.NOVEL_CLUSTER_TABLE)
    contexts = [ClusterContext.parse(key) for key in table["context_key"]]
    rows = FeatureReader(open_store).fetch_rows(release_id, contexts)
    for context, scores in zip(contexts, table["scores"], strict=True):
        np.testing.assert_array_equal(rows[context].scores, scores.to_numpy())


def _count_versions() -> int:
    return len(open_tracking().search_model_versions(""))
