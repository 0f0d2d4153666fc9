"""Writes rows of a declared table online, through the interface that Feast gives its stores.

``write_to_online_store`` turns a frame into pandas, Arrow and then messages, and reads the registry
for every batch; ``materialize`` does the same with all rows at once, in memory. Here messages are
made of the frame's lists directly (docs/features.md has the figures).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import polars as pl
import pyarrow as pa
from feast import FeatureStore
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value

from expectations.contracts.tables import FLOAT, INTEGER, RELEASE, STRING, Column, Table

ROWS_AT_ONCE = 5_000
"""One transaction of the store, and all that is in memory as messages."""

LISTS_OF: dict[pa.DataType, str] = {
    INTEGER: "int64_list_val",
    FLOAT: "float_list_val",
    STRING: "string_list_val",
}
"""Field of Feast's message for a list of each type."""


def write_rows(
    store: FeatureStore,
    table: Table,
    frame: pl.DataFrame,
    release_id: str,
    progress: Callable[[int], object],
) -> None:
    """Write ``frame`` to the view of ``table`` as rows of a release; safe to do again.

    Args:
        store: where the view is applied.
        table: the declaration; its features are lists.
        frame: one row for each key, without the release.
        release_id: the release that the rows are keyed by.
        progress: told the number of rows after each batch.
    """
    view = store.get_feature_view(table.name)
    names = [column.name for column in table.features]
    for piece in frame.iter_slices(ROWS_AT_ONCE):
        keys = _entity_keys(table, piece, release_id)
        columns = [_messages(piece[column.name], column) for column in table.features]
        features = [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
        times = piece[str(table.event_time)].to_list()
        rows = list(zip(keys, features, times, [None] * piece.height, strict=True))
        store.provider.online_write_batch(store.config, view, rows, None)
        progress(piece.height)


def _entity_keys(table: Table, piece: pl.DataFrame, release_id: str) -> Iterator[EntityKey]:
    (own_key,) = (name for name in table.key if name not in (RELEASE.name, table.event_time))
    for part in piece[own_key].to_list():
        key = EntityKey(join_keys=(own_key, RELEASE.name))
        key.entity_values.add().string_val = part
        key.entity_values.add().string_val = release_id
        yield key


def _messages(values: pl.Series, column: Column) -> Iterator[Value]:
    field = LISTS_OF[column.dtype.value_type]
    for content in values.to_list():
        message = Value()
        if content is not None:
            items = getattr(message, field)
            items.SetInParent()  # an empty list is a value, too
            items.val.extend(content)
        yield message
