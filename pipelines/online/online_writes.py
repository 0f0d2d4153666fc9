"""Writes rows of a declared table online: as bytes where the store takes them, else as messages.

``write_to_online_store`` turns a frame into pandas, Arrow and then messages, and reads the registry
for every batch; ``materialize`` does the same with all rows at once, in memory. Here columns become
bytes at once (docs/research/features.md has the figures).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import polars as pl
from feast import FeatureStore, FeatureView
from feast.infra.key_encoding_utils import deserialize_entity_key
from feast.protos.feast.types.Value_pb2 import Value

from expectations.contracts.tables import RELEASE, Table
from inference.store.online_stores.encoded_rows import EncodedRows, TakesEncodedRows
from inference.store.online_stores.wire_format import encode_keys, encode_lists

ROWS_AT_ONCE = 5_000
"""One transaction of the store, and all that is in memory beside the frames given."""


def write_rows(
    store: FeatureStore,
    table: Table,
    frames: Iterable[pl.DataFrame],
    release_id: str,
    progress: Callable[[int], object],
) -> None:
    """Write ``frames`` to the view of ``table`` as rows of a release; safe to do again.

    Args:
        store: where the view is applied.
        table: the declaration; its features are lists.
        frames: one row for each key, without the release; taken one after the other.
        release_id: the release that the rows are keyed by.
        progress: told the number of rows after each batch.
    """
    view = store.get_feature_view(table.name)
    online = store.provider.online_store
    for frame in frames:
        for piece in frame.iter_slices(ROWS_AT_ONCE):
            rows = _encode(table, piece, release_id)
            if isinstance(online, TakesEncodedRows):
                online.write_encoded(store.config, view, rows)
            else:
                _write_messages(store, view, rows)
            progress(piece.height)


def _encode(table: Table, piece: pl.DataFrame, release_id: str) -> EncodedRows:
    (own_key,) = (name for name in table.key if name not in (RELEASE.name, table.event_time))
    return EncodedRows(
        keys=encode_keys(own_key, piece[own_key].to_list(), (RELEASE.name, release_id)),
        values={c.name: encode_lists(piece[c.name].to_arrow()) for c in table.features},
        times=piece[str(table.event_time)].to_list(),
    )


def _write_messages(store: FeatureStore, view: FeatureView, rows: EncodedRows) -> None:
    """Write to any store of Feast, by the interface that all of them have."""
    features = [
        {name: Value.FromString(text) for name, text in zip(rows.values, texts, strict=True)}
        for texts in zip(*rows.values.values(), strict=True)
    ]
    keys = map(deserialize_entity_key, rows.keys)
    batch = list(zip(keys, features, rows.times, [None] * len(rows.times), strict=True))
    store.provider.online_write_batch(store.config, view, batch, None)
