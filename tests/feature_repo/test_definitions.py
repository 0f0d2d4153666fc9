"""The definitions follow the declarations, and Feast takes them both ways it may be told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from feast.types import Array, Float32, Int64, String

from expectations.contracts.tables import (
    ALL_TABLES,
    NOVEL_CLUSTER_TABLE,
    USER_CLUSTER_HISTORY,
    USER_ITEM_HISTORY,
)
from feature_repo.definitions import DEFINITIONS, define
from feature_repo.sources import OFFLINE_FILES
from feature_repo.views import PRIMITIVES, to_feast_type
from pipelines.io import paths
from pipelines.online.feature_store import apply_definitions, open_store

REPOSITORY = Path(__file__).resolve().parents[2]
ROOMS = ("feature_repo", "expectations")
VIEWS = {"user_cluster_history", "user_item_history", "user_live_events", "novel_cluster_table"}
SERVICES = {
    "user_features",
    "live_events",
    "planned_clusters",
    "cluster_curation",
    "item_curation",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A fresh working tree with the definitions alone: no data, no ``var`` folder."""
    for room in ROOMS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / room, tmp_path / room, ignore=ignored)
    return tmp_path


def run_feast(tree: Path, *arguments: str) -> str:
    """Run Feast's own command at the top of ``tree``; returns what it printed."""
    command = [str(Path(sys.executable).with_name("feast")), "-c", "feature_repo", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_fields_are_the_declared_columns() -> None:
    tables = {table.name: table for table in ALL_TABLES}
    for view in DEFINITIONS.views.all():
        table = tables[view.name]
        assert [field.name for field in view.features] == [c.name for c in table.features]
        assert {field.name for field in view.entity_columns} == set(table.key) - {table.event_time}
        assert [f.description for f in view.features] == [c.description for c in table.features]
        assert view.batch_source is not None
        assert view.batch_source.timestamp_field == table.event_time


def test_types_follow_from_arrow() -> None:
    assert to_feast_type(USER_CLUSTER_HISTORY.column("history_clusters").dtype) == Array(Int64)
    assert to_feast_type(USER_ITEM_HISTORY.column("recent_items").dtype) == Array(String)
    assert to_feast_type(NOVEL_CLUSTER_TABLE.column("scores").dtype) == Array(Float32)
    assert to_feast_type(NOVEL_CLUSTER_TABLE.column("context_key").dtype) == String
    for table in ALL_TABLES:
        for column in table.columns:
            assert to_feast_type(column.dtype) is not None
    assert len(PRIMITIVES) == 5


def test_offline_files_lie_where_the_pipeline_writes_them() -> None:
    assert OFFLINE_FILES == {
        "user_cluster_history": paths.USER_CLUSTER_HISTORY,
        "user_item_history": paths.USER_ITEM_HISTORY,
        "user_live_events": paths.USER_LIVE_EVENTS,
        "novel_cluster_table": paths.NOVEL_CLUSTER_TABLE,
    }


def test_every_definition_says_what_it_is_and_whose(tmp_path: Path) -> None:
    definitions = define(tmp_path)
    for described in (*definitions.views.all(), *definitions.services.all()):
        assert described.description
        assert described.owner
    assert all(entity.description for entity in definitions.entities)


def test_programmatic_apply_twice_is_apply_once(tree: Path) -> None:
    store = open_store(tree)
    apply_definitions(store, tree)
    apply_definitions(store, tree)
    assert {view.name for view in store.list_feature_views()} == VIEWS
    assert {service.name for service in store.list_feature_services()} == SERVICES
    assert {entity.name for entity in store.list_entities()} == {
        "user",
        "release",
        "cluster_context",
    }


def test_feasts_own_command_and_ours_agree(tree: Path) -> None:
    printed = run_feast(tree, "apply")
    for view in VIEWS:
        assert f"Deploying infrastructure for {view}" in printed
    assert (tree / "var").is_dir()
    store = open_store(tree)
    assert {view.name for view in store.list_feature_views()} == VIEWS
    by_command = store.get_feature_view("user_cluster_history")
    apply_definitions(store, tree)
    assert store.get_feature_view("user_cluster_history") == by_command
