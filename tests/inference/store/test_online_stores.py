"""Rows written as bytes are, byte for byte, those that Feast's own stores would have written."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
import redis
import yaml
from feast import FeatureStore
from feast.infra.key_encoding_utils import serialize_entity_key
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from expectations.contracts.tables import NOVEL_CLUSTER_TABLE, USER_ITEM_HISTORY, Table
from inference.features.online_features import PLAN_SERVICE, USER_SERVICE
from inference.store import store_connections
from inference.store.online_stores.redis import BulkRedisOnlineStoreConfig
from inference.store.online_stores.sqlite import BulkSqliteOnlineStoreConfig
from inference.store.online_stores.wire_format import encode_entities, encode_keys, encode_lists
from inference.store.store_connections import StoreConnections, Wanted, content_of
from pipelines.io import paths
from pipelines.online.feature_store import apply_definitions, open_store
from pipelines.online.online_writes import write_rows
from tests.servers import redis_server
from tests.worlds.online.stores import REPOSITORY

NOON = datetime(2024, 5, 1, 12, 0, 0, 250_000, tzinfo=UTC)
BULK = {
    "sqlite": "inference.store.online_stores.sqlite.BulkSqliteOnlineStore",
    "redis": "inference.store.online_stores.redis.BulkRedisOnlineStore",
}
INTEGERS = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 2**14)
FLOATS = st.floats(width=32, allow_nan=False)
KINDS = {
    "int64_list_val": (pa.int64(), INTEGERS),
    "float_list_val": (pa.float32(), FLOATS),
    "string_list_val": (pa.large_string(), st.text(max_size=200)),
}


@pytest.mark.parametrize("field", KINDS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_lists_are_encoded_as_the_messages_of_feast(field: str, data: st.DataObject) -> None:
    item_type, items = KINDS[field]
    lists = data.draw(st.lists(st.none() | st.lists(items, max_size=80), max_size=8))
    first = data.draw(st.integers(0, len(lists)))
    column = pa.array(lists, pa.large_list(item_type))[first:]  # a slice of a longer column, too
    assert encode_lists(column) == [_message(field, content) for content in lists[first:]]


def _message(field: str, content: list[object] | None) -> bytes:
    value = Value()
    if content is not None:
        getattr(value, field).SetInParent()
        getattr(value, field).val.extend(content)
    return value.SerializeToString()


def test_a_list_longer_than_a_short_length_and_a_null_item() -> None:
    long = list(range(100_000))
    column = pa.array([long], pa.list_(pa.int64()))
    assert encode_lists(column) == [_message("int64_list_val", long)]
    with pytest.raises(ValueError, match="1 elements of lists are null"):
        encode_lists(pa.array([[1, None]], pa.list_(pa.int64())))


@given(own=st.text(max_size=30), others=st.dictionaries(st.text("abz_", min_size=1), st.text()))
def test_keys_are_encoded_as_feast_does(own: str, others: dict[str, str]) -> None:
    others.pop("m", None)
    key = EntityKey(join_keys=["m", *others])
    for part in (own, *others.values()):
        key.entity_values.add().string_val = part
    expected = [serialize_entity_key(key, 3)]
    assert encode_keys("m", [own], *others.items()) == expected
    assert encode_entities(("m", *others), [(own, *others.values())]) == expected


Opener = Callable[[bool], FeatureStore]


@pytest.fixture(params=["sqlite", "redis"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens an empty store: of our class, or of Feast's own."""
    kind: str = request.param
    shipped = yaml.safe_load((REPOSITORY / paths.FEATURE_REPO / "feature_store.yaml").read_text())
    numbers = iter(range(16))  # as many as Redis has databases

    def open_empty(is_ours: bool, **place: str) -> FeatureStore:
        root = tmp_path / f"tree{next(numbers)}"
        (root / paths.FEATURE_REPO).mkdir(parents=True)
        (root / "var").mkdir()
        online = {"type": BULK[kind] if is_ours else kind, **place}
        file = root / paths.FEATURE_REPO / "feature_store.yaml"
        kept = {name: part for name, part in shipped.items() if name != "mlflow"}
        file.write_text(yaml.safe_dump(kept | {"online_store": online}))
        store = open_store(root)
        apply_definitions(store, root)
        return store

    if kind == "sqlite":
        yield lambda is_ours: open_empty(is_ours, path="../var/online.db")
        return
    with redis_server(tmp_path) as address:
        databases = iter(range(16))
        yield lambda is_ours: open_empty(
            is_ours, connection_string=f"{address},db={next(databases)}"
        )


def _dump(store: FeatureStore) -> dict[Any, Any]:
    """Everything that the store holds, as its own client shows it."""
    online = store.config.online_store
    if hasattr(online, "connection_string"):
        address, number = online.connection_string.split(",db=")
        host, port = address.split(":")
        client = redis.Redis(host, int(port), db=int(number))
        return {key: client.hgetall(key) for key in client.scan_iter()}
    with closing(sqlite3.connect(Path(store.repo_path) / online.path)) as connection:
        names = [view.name for view in store.list_feature_views()]
        return {
            name: sorted(connection.execute(f"SELECT * FROM interest_explorer_{name}"), key=repr)
            for name in names
        }


Row = tuple[str, datetime, list[int], list[float]]
FIRST: list[Row] = [
    ("0_1", NOON, [2, 300, 7], [-0.1, -0.2, -0.3]),
    ("10_11", NOON, [1], [-0.5]),
    ("2", NOON, [], []),
]
LATER = NOON + timedelta(microseconds=1)
EARLIER = NOON - timedelta(days=1)
LOADS: dict[str, list[Sequence[Row]]] = {
    "once": [FIRST],
    "again": [FIRST, FIRST],
    "newer": [FIRST, [("0_1", LATER, [5], [-1.0])]],
    "older": [FIRST, [("0_1", EARLIER, [5], [-1.0])]],
    "another at the same time": [FIRST, [("0_1", NOON, [5], [-1.0])]],
    "twice in a batch": [[*FIRST, ("0_1", LATER, [5], [-1.0]), ("0_1", EARLIER, [6], [-1.0])]],
    "before 1970": [[("0_1", datetime(1960, 1, 1, tzinfo=UTC), [5], [-1.0])], FIRST],
}


def _frame(rows: Sequence[Row]) -> pl.DataFrame:
    columns = {
        "context_key": pl.String,
        "event_timestamp": pl.Datetime("us", "UTC"),
        "novel_clusters": pl.List(pl.Int64),
        "scores": pl.List(pl.Float32),
    }
    return pl.DataFrame(rows, schema=columns, orient="row")


def _write(store: FeatureStore, table: Table, *frames: pl.DataFrame) -> None:
    written: list[int] = []
    write_rows(store, table, frames, "r1", written.append)
    assert sum(written) == sum(frame.height for frame in frames)


def _write_by_feast(store: FeatureStore, rows: Sequence[Row]) -> None:
    """By Feast's ``online_write_batch``, from messages that are made one by one."""
    batch = []
    for context_key, time, clusters, scores in rows:
        key = EntityKey(join_keys=["context_key", "release_id"])
        key.entity_values.add().string_val = context_key
        key.entity_values.add().string_val = "r1"
        values = {
            "novel_clusters": Value.FromString(_message("int64_list_val", list(clusters))),
            "scores": Value.FromString(_message("float_list_val", list(scores))),
        }
        batch.append((key, values, time, None))
    view = store.get_feature_view(NOVEL_CLUSTER_TABLE.name)
    store.provider.online_write_batch(store.config, view, batch, None)


@pytest.mark.parametrize("loads", LOADS.values(), ids=LOADS)
def test_a_load_leaves_what_feast_would_have_left(
    opener: Opener, loads: list[Sequence[Row]]
) -> None:
    ours, theirs = opener(True), opener(False)
    for rows in loads:
        _write(ours, NOVEL_CLUSTER_TABLE, _frame(rows))
        _write_by_feast(theirs, rows)
    written = _dump(ours)
    assert written == _dump(theirs)
    assert any(written.values())


def test_a_plain_store_of_feast_is_written_by_messages(opener: Opener) -> None:
    ours, theirs = opener(True), opener(False)
    for store in (ours, theirs):
        _write(store, NOVEL_CLUSTER_TABLE, _frame(FIRST[:2]), _frame(FIRST[2:]))
    assert _dump(ours) == _dump(theirs)


def test_rows_are_read_by_feast_as_they_were_written(opener: Opener) -> None:
    store = opener(True)
    users = pl.DataFrame(
        {
            "user_id": ["ann", "bob", "zoë"],
            "event_timestamp": [NOON] * 3,
            "recent_items": [["b", "a" * 300], None, []],
            "consumed_items": [["b", "a"], ["ü"], [""]],
        },
        schema_overrides={"event_timestamp": pl.Datetime("us", "UTC")},
    )
    _write(store, USER_ITEM_HISTORY, users)
    own: Row = ("0", NOON, [1], [-1.0])  # by which a release is known to be online
    _write(store, NOVEL_CLUSTER_TABLE, _frame([*FIRST, own]))
    assert (
        type(store.provider.online_store).online_read
        is type(opener(False).provider.online_store).online_read
    )
    keys = [{"release_id": "r1", "user_id": user} for user in (*users["user_id"], "nobody")]
    found = store.get_online_features(store.get_feature_service(USER_SERVICE), keys).to_dict()
    assert found["recent_items"] == [["b", "a" * 300], None, [], None]
    assert found["consumed_items"] == [["b", "a"], ["ü"], [""], None]
    keys = [{"release_id": "r1", "context_key": row[0]} for row in FIRST]
    found = store.get_online_features(store.get_feature_service(PLAN_SERVICE), keys).to_dict()
    assert found["novel_clusters"] == [row[2] for row in FIRST]
    assert found["scores"] == [pytest.approx(row[3], rel=1e-6) for row in FIRST]


def test_rows_of_several_views_are_read_at_once_as_feast_reads_each(opener: Opener) -> None:
    """Absent keys and views without rows among them, keys that stand twice, another order."""
    store = opener(True)
    _write(store, NOVEL_CLUSTER_TABLE, _frame(FIRST))
    users = pl.DataFrame(
        {
            "user_id": ["ann", "bob"],
            "event_timestamp": [NOON] * 2,
            "recent_items": [["b"], None],
            "consumed_items": [["b", "a"], []],
        },
        schema_overrides={"event_timestamp": pl.Datetime("us", "UTC")},
    )
    _write(store, USER_ITEM_HISTORY, users)
    pairs = [("r1", key) for key in ("2", "nothing", "0_1", "2")]
    people = [("r1", user) for user in ("bob", "nobody", "ann")]
    asked = [
        Wanted(PLAN_SERVICE, ("release_id", "context_key"), pairs),
        Wanted(USER_SERVICE, ("release_id", "user_id"), people),
    ]
    connections = StoreConnections(lambda: store, [one.service for one in asked])
    together = connections.read_together(asked)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_connections, "GivesEncodedRows", type("Nobody", (), {}))
        by_feast = connections.read_together(asked)

    def contents(rows: list[dict[str, Value]]) -> list[dict[str, Value]]:
        return [{n: v for n in row if (v := content_of(row, n)) is not None} for row in rows]

    found = [contents(rows) for rows in together]
    assert found == [contents([_without_time(row) for row in rows]) for rows in by_feast]
    assert [len(row) for rows in found for row in rows] == [2, 0, 2, 2, 1, 0, 2]


def _without_time(row: dict[str, Value]) -> dict[str, Value]:
    return {name: value for name, value in row.items() if not name.startswith("_ts:")}


def test_settings_that_bytes_cannot_serve_are_refused() -> None:
    with pytest.raises(ValidationError, match="vector_enabled"):
        BulkSqliteOnlineStoreConfig(vector_enabled=True)
    for refused in ({"key_ttl_seconds": 60}, {"skip_dedup": True}):
        with pytest.raises(ValidationError, match=next(iter(refused))):
            BulkRedisOnlineStoreConfig(**refused)
