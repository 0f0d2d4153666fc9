"""Feast's own commands on this repository, on both stores: apply, serve, ui, as its manual says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipelines.online.feature_store import open_store
from tests.servers import free_port, render_page
from tests.worlds.online.stores import REPOSITORY, STORES, selected_store

pytestmark = pytest.mark.long

START_SECONDS = 120
NOW = datetime(2024, 5, 1, tzinfo=UTC)
FEAST = str(Path(sys.executable).with_name("feast"))
ROWS = {
    "user_cluster_history": {
        "release_id": ["r1", "r2"],
        "user_id": ["ann", "ann"],
        "history_clusters": [[3, 1], [2]],
        "consumed_clusters": [[1, 3, 0], [2]],
    },
    "user_item_history": {
        "release_id": ["r1"],
        "user_id": ["ann"],
        "recent_items": [["b", "a"]],
        "consumed_items": [["b", "a", "c"]],
    },
    "novel_cluster_table": {
        "release_id": ["r1", "r1"],
        "context_key": ["1_3", "0"],  # the latter tells that the release is online
        "novel_clusters": [[2, 0], [1]],
        "scores": [[-0.5, -1.5], [-1.0]],
    },
}


@pytest.fixture(scope="module", params=STORES)
def tree(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A working tree that Feast's command has been applied to, with a few rows online."""
    root = tmp_path_factory.mktemp("feast") / "tree"
    for room in ("feature_repo", "expectations"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / room, root / room, ignore=ignored)
    with selected_store(request.param, root), pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{root}{os.pathsep}{REPOSITORY}")
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root / 'mlflow-of-feast.db'}")
        done = subprocess.run(
            [FEAST, "-c", "feature_repo", "apply"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        store = open_store()
        assert {v.name for v in store.list_feature_views()} == {*ROWS, "user_live_events"}
        for view, columns in ROWS.items():
            store.write_to_online_store(view, df=pd.DataFrame({**columns, "event_timestamp": NOW}))
        yield root


@contextmanager
def serving(folder: Path, command: str) -> Iterator[str]:
    """Run a server of Feast's and yield its address."""
    port = free_port()
    log = folder / f"{command}.log"
    call = [FEAST, "-c", "feature_repo", command, "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(call, stdout=output, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        end = time.monotonic() + START_SECONDS
        while not answers(f"{address}/health"):
            assert process.poll() is None, log.read_text()[-2000:]
            assert time.monotonic() < end, log.read_text()[-2000:]
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(timeout=30)


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def post(address: str, body: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        address, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        content: dict[str, Any] = json.load(response)
    return content


def get(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=30) as response:
        return json.load(response)


def columns_of(answer: dict[str, Any]) -> dict[str, list[Any]]:
    names = answer["metadata"]["feature_names"]
    return {name: column["values"] for name, column in zip(names, answer["results"], strict=True)}


def test_features_over_http(tree: Path) -> None:
    with serving(tree, "serve") as address:
        found = columns_of(
            post(
                f"{address}/get-online-features",
                {
                    "feature_service": "user_features",
                    "entities": {"release_id": ["r1", "r1"], "user_id": ["ann", "nobody"]},
                },
            )
        )
        assert found["history_clusters"] == [[3, 1], None]
        assert found["consumed_clusters"] == [[1, 3, 0], None]
        assert found["recent_items"] == [["b", "a"], None]
        planned = columns_of(
            post(
                f"{address}/get-online-features",
                {
                    "features": [
                        "novel_cluster_table:novel_clusters",
                        "novel_cluster_table:scores",
                    ],
                    "entities": {"release_id": ["r1"], "context_key": ["1_3"]},
                },
            )
        )
        assert planned["novel_clusters"] == [[2, 0]]
        assert planned["scores"] == [[-0.5, -1.5]]
        live = {"feature_service": "live_events", "entities": {"user_id": ["ann"]}}
        assert columns_of(post(f"{address}/get-online-features", live))["item_ids"] == [None]


def test_the_pages_show_what_there_is_and_whose(tree: Path) -> None:
    with serving(tree, "ui") as address:
        listed = get(f"{address}/api/v1/feature_views?project=interest_explorer")
        views = {view["spec"]["name"]: view["spec"] for view in listed["featureViews"]}
        assert set(views) == {*ROWS, "user_live_events"}
        for view in views.values():
            assert view["description"]
            assert view["owner"] == "recommendation team"
            assert view["tags"]["written_by"]
        assert get(f"{address}/api/mlflow-runs")["runs"] == []
        page = render_page(f"{address}/p/interest_explorer/feature-view", tree)
        for name in views:
            assert name in page


def test_nothing_stray_is_left(tree: Path) -> None:
    """A file in ``feature_repo`` would make the stage that depends on that folder stale."""
    left = {path.name for path in (tree / "feature_repo").iterdir()} - {"__pycache__"}
    assert left == {
        path.name for path in (REPOSITORY / "feature_repo").iterdir() if path.name != "__pycache__"
    }
    assert os.environ["MLFLOW_TRACKING_URI"].endswith("mlflow-of-feast.db")
