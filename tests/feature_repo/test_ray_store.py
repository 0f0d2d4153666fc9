"""Historical retrieval on Ray gives what it gives on DuckDB: ties, futures, strangers and all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import ray

from expectations.contracts.tables import USER_CLUSTER_HISTORY
from expectations.contracts.values import BUILD_RELEASE
from pipelines.io import paths
from pipelines.io.artefact_io import write_table
from pipelines.online.feature_store import apply_definitions, open_store, retrieve_as_of
from tests.worlds.online.stores import selected_store

pytestmark = pytest.mark.long

START = datetime(2024, 5, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
RAY = paths.FEATURE_REPO / "feature_store.ray.yaml"


def at(second: int) -> datetime:
    return START + timedelta(seconds=second)


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    root = tmp_path / "tree"
    with selected_store("embedded", root):
        states = [
            ("ann", 10, [1], [1]),
            ("ann", 20, [2, 1], [1, 2]),
            ("ben", 90, [3], [3]),
        ]
        rows = [(BUILD_RELEASE, user, at(s), history, seen) for user, s, history, seen in states]
        frame = pl.DataFrame(rows, schema=USER_CLUSTER_HISTORY.schema.names, orient="row")
        write_table(frame, paths.USER_CLUSTER_HISTORY, USER_CLUSTER_HISTORY)
        yield root
        ray.shutdown()


def retrieve() -> pl.DataFrame:
    asked = pl.DataFrame(
        {
            "user_id": ["ann", "ann", "ann", "ann", "ben", "nobody"],
            # before all, just before a change, at it, later; only a future; unheard of
            "event_timestamp": [at(5), at(20) - MICROSECOND, at(20), at(50), at(50), at(50)],
            "note": list(range(6)),
        },
        schema_overrides={"event_timestamp": pl.Datetime("us", "UTC")},
    )
    store = open_store()
    service = apply_definitions(store).services.cluster_curation
    return retrieve_as_of(store, service, asked, batch_rows=100).sort("note")


def test_ray_sees_what_duckdb_sees(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_duckdb = retrieve()
    assert on_duckdb["history_clusters"].to_list() == [None, [1], [2, 1], [2, 1], None, None]
    monkeypatch.setenv("FEAST_FS_YAML_FILE_PATH", str(RAY))
    monkeypatch.setenv("RAY_ADDRESS", "local")  # an instance of its own, whatever else runs here
    assert open_store().config.offline_store.type == "ray"
    on_ray = retrieve()
    columns = ["note", "user_id", "history_clusters", "consumed_clusters"]
    assert on_ray.select(columns).to_dicts() == on_duckdb.select(columns).to_dicts()
