"""The stage clusters: artefacts in place, the same bytes twice, and stopped over a bad tree."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from expectations.contracts.errors import ContractError, GateError, UserError
from expectations.contracts.tables import CLUSTERS, INTERACTIONS, ITEM_CLUSTERS, ITEMS
from pipelines.io import paths
from pipelines.io.artefact_io import read_json, read_table, write_json, write_table
from pipelines.io.previous_tree import hash_tree
from pipelines.params.params import read_params
from pipelines.reference.metrics import unexplained
from pipelines.stages import clusters as stage
from tests.worlds.clusters import CUT, TopicWorld, build_topic_world
from training.clusters.lineage.change_records import CHANGES_SCHEMA
from training.curation.timeline import Timeline

PARAMS = """
runtime: {seed: 3, threads: 1}
clusters:
  levels: [3, 9]
  representation: {text_dimensions: 12, collaborative_dimensions: 8}
"""
OUTS = (
    paths.CLUSTERS,
    paths.ITEM_CLUSTERS,
    paths.ITEM_EMBEDDINGS,
    paths.CLUSTER_CHANGES,
    paths.CLUSTER_CHANGES_PAGE,
    paths.CLUSTER_MAP,
    paths.metrics_of("clusters"),
)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working tree as the stage ingest leaves it."""
    monkeypatch.chdir(tmp_path)
    lay_out(build_topic_world())
    Path("params.yaml").write_text(PARAMS, encoding="utf-8")
    return tmp_path


def lay_out(world: TopicWorld) -> None:
    write_table(world.items, paths.ITEMS, ITEMS)
    write_table(world.interactions, paths.INTERACTIONS, INTERACTIONS)
    end = world.interactions["timestamp"].to_list()
    timeline = Timeline(validation_origins=(CUT,), test_origins=(CUT,), end=max(end))
    write_json(timeline.to_json(), paths.TIMELINE)


@pytest.mark.usefixtures("tree")
def test_two_runs_leave_the_same_bytes_and_sound_tables() -> None:
    stage.main(read_params())
    plot = paths.plots_of("clusters") / "traffic.csv"
    places = sorted(paths.TREE_CENTROIDS.iterdir())
    assert len(places) == 4
    first = {path: path.read_bytes() for path in (*OUTS, plot, *places)}
    stage.main(read_params())
    assert {path: path.read_bytes() for path in first} == first
    nodes = read_table(paths.CLUSTERS, CLUSTERS)
    assert nodes.group_by("level").len().sort("level")["len"].to_list() == [3, 9]
    assert nodes.group_by("level").agg(pl.col("traffic").sum())["traffic"].round(4).unique().item()
    assert read_table(paths.ITEM_CLUSTERS, ITEM_CLUSTERS).height == 2 * 108
    metrics = read_json(paths.metrics_of("clusters"))
    assert unexplained("clusters", metrics) == []
    assert metrics["traffic_balance"] <= 1.3
    assert metrics["next_item_stays_low"] < metrics["next_item_stays"]
    assert pl.read_csv(plot).height == 9


@pytest.mark.usefixtures("tree")
def test_a_lopsided_tree_stops_the_pipeline_and_leaves_nothing() -> None:
    strict = PARAMS + "gates: {clusters: {max_traffic_balance: 1.0001}}\n"
    Path("params.yaml").write_text(strict, encoding="utf-8")
    with pytest.raises(GateError, match=r"worst_traffic_overload.*clusters\.levels"):
        stage.main(read_params())
    assert not paths.CLUSTERS.exists()


@pytest.mark.usefixtures("tree")
def test_more_clusters_than_items_end_in_one_line() -> None:
    Path("params.yaml").write_text("clusters: {levels: [4, 64]}", encoding="utf-8")
    with pytest.raises(UserError, match="bring more items"):
        stage.main(read_params())


def pin(folder: str, sha256: str) -> None:
    setting = f"  previous: {{folder: {folder}, sha256: {sha256}}}\n"
    Path("params.yaml").write_text(PARAMS.replace("seed: 3", "seed: 4") + setting, encoding="utf-8")


@pytest.mark.usefixtures("tree")
def test_a_rebuild_from_a_pinned_tree_keeps_ids_and_names_and_says_so() -> None:
    stage.main(read_params())
    assert read_json(paths.CLUSTER_CHANGES) == {
        "schema": CHANGES_SCHEMA,
        "previous_tree": None,
        "reused_ids": [],
        "survivors": [],
    }
    named = ("level", "cluster_id", "description", "distinction")
    names = read_table(paths.CLUSTERS, CLUSTERS).select(named)
    shutil.copytree(paths.CLUSTERS.parent, "kept")
    pin("kept", hash_tree(Path("kept")))
    stage.main(read_params())
    rebuilt = read_table(paths.CLUSTERS, CLUSTERS)
    assert rebuilt.select(names.columns).equals(names)
    changes = read_json(paths.CLUSTER_CHANGES)
    assert changes["previous_tree"] == hash_tree(Path("kept"))
    assert len(changes["survivors"]) == 12
    assert "Every id means what it meant." in paths.CLUSTER_CHANGES_PAGE.read_text()
    assert read_json(paths.metrics_of("clusters"))["items_under_same_id_level_1"] > 0.95
    assert unexplained("clusters", read_json(paths.metrics_of("clusters"))) == []


@pytest.mark.usefixtures("tree")
def test_a_previous_tree_of_before_names_had_distinctions_is_gone_on_from() -> None:
    stage.main(read_params())
    shutil.copytree(paths.CLUSTERS.parent, "kept")
    nodes = pl.read_parquet("kept/clusters.parquet").drop("distinction")
    nodes.write_parquet("kept/clusters.parquet")
    pin("kept", hash_tree(Path("kept")))
    stage.main(read_params())
    rebuilt = read_table(paths.CLUSTERS, CLUSTERS)
    assert rebuilt["description"].equals(nodes["description"])
    assert rebuilt["distinction"].null_count() == rebuilt.height
    nodes.drop("traffic").write_parquet("kept/clusters.parquet")
    pin("kept", hash_tree(Path("kept")))
    with pytest.raises(ContractError, match="has the columns"):
        stage.main(read_params())


def test_names_that_say_little_are_warned_of_and_stop_nothing(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Titles alone, no word of which two items share."""
    world = build_topic_world()
    letters = "abcdefghijkl"
    titles = [f"{a}{b}{a}onic {c}" for a in letters for b in "aeiouyaei" for c in "x"]
    bare = world.items.with_columns(
        title=pl.Series(titles), text=pl.lit(""), category_path=pl.lit(None, pl.List(pl.String))
    )
    write_table(bare, paths.ITEMS, ITEMS)
    stage.main(read_params())
    names = read_table(paths.CLUSTERS, CLUSTERS)["description"]
    assert names.str.starts_with("like ").all()
    metrics = read_json(paths.metrics_of("clusters"))
    assert (metrics["named_by_example_share"], metrics["name_coverage"]) == (1, 0)
    told = capsys.readouterr().err
    assert "warning: named_by_example_share is at most 0.25, found 1" in told
    assert "dataset.files.category" in told
    verdicts = read_json(paths.gates_of("clusters"))["verdicts"]
    failed = {verdict["metric"] for verdict in verdicts if not verdict["passed"]}
    assert failed == {"named_by_example_share", "name_coverage"}


@pytest.mark.usefixtures("tree")
def test_a_previous_tree_that_is_not_the_pinned_one_ends_in_one_line() -> None:
    stage.main(read_params())
    shutil.copytree(paths.CLUSTERS.parent, "kept")
    found = hash_tree(Path("kept"))
    pin("kept", "ab" * 32)
    with pytest.raises(UserError, match=f"set clusters.previous.sha256 to {found}"):
        stage.main(read_params())
    pin(str(paths.CLUSTERS.parent), found)
    with pytest.raises(UserError, match="lies outside artifacts/"):
        stage.main(read_params())
    pin("nowhere", found)
    with pytest.raises(UserError, match=r"holds clusters\.parquet"):
        stage.main(read_params())
    Path("kept/clusters.parquet").write_bytes(b"PAR1 no longer")
    pin("kept", hash_tree(Path("kept")))
    with pytest.raises(UserError, match="is a Parquet file"):
        stage.main(read_params())
