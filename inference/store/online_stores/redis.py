"""Feast's Redis store that also takes and gives encoded rows. Needs the extra `redis`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Literal

import mmh3
from feast import FeatureView, RepoConfig
from feast.infra.online_stores.helpers import compute_versioned_name
from feast.infra.online_stores.redis import RedisOnlineStore, RedisOnlineStoreConfig
from google.protobuf.timestamp_pb2 import Timestamp
from redis import Redis

from inference.store.online_stores.encoded_rows import (
    EncodedRead,
    EncodedRows,
    GivesEncodedRows,
    TakesEncodedRows,
)

VIEWS_KEPT = 64
"""Views whose fields' names are remembered; the project has a handful."""


class BulkRedisOnlineStoreConfig(RedisOnlineStoreConfig):  # type: ignore[misc]
    """Settings of Feast's Redis store; rows of a release do not expire, and newer ones stay."""

    type: Literal["inference.store.online_stores.redis.BulkRedisOnlineStore"] = (
        "inference.store.online_stores.redis.BulkRedisOnlineStore"
    )
    key_ttl_seconds: None = None
    skip_dedup: Literal[False] = False


class BulkRedisOnlineStore(
    RedisOnlineStore,  # type: ignore[misc]
    TakesEncodedRows,
    GivesEncodedRows,
):
    """The store of Feast's type ``redis``: the same hashes, the same reading, the same rows."""

    def write_encoded(self, config: RepoConfig, view: FeatureView, rows: EncodedRows) -> None:
        """Write those of ``rows`` that are newer than what is there, as ``online_write_batch``."""
        client = self._get_client(config.online_store)
        name = compute_versioned_name(view, config.registry.enable_online_feature_view_versioning)
        time_field = f"_ts:{name}"
        fields = [_field(name, feature) for feature in rows.values]
        project = config.project.encode()
        keys = [key + project for key in rows.keys]
        latest = _nanoseconds_there(client, keys, time_field)
        times = {time: _timestamp(time) for time in set(rows.times)}
        nanoseconds = {time: message.ToNanoseconds() for time, message in times.items()}
        texts = {time: message.SerializeToString() for time, message in times.items()}
        with client.pipeline(transaction=False) as pipe:
            contents = zip(*rows.values.values(), strict=True)
            for key, time, content in zip(keys, rows.times, contents, strict=True):
                if 0 < latest.get(key, 0) >= nanoseconds[time]:  # Feast takes 0 for "none yet"
                    continue
                latest[key] = nanoseconds[time]
                cells = [cell for pair in zip(fields, content, strict=True) for cell in pair]
                pipe.execute_command("HSET", key, time_field, texts[time], *cells)
            pipe.execute()

    def read_encoded(
        self, config: RepoConfig, reads: Sequence[EncodedRead]
    ) -> list[list[dict[str, bytes]]]:
        """Return the rows of all reads from one pipeline, as ``online_read`` would of each."""
        versioned = config.registry.enable_online_feature_view_versioning
        project = config.project.encode()
        fields = [_fields(compute_versioned_name(r.view, versioned), r.features) for r in reads]
        wanted = [
            (key + project, list(names))
            for read, names in zip(reads, fields, strict=True)
            for key in read.keys
        ]
        found = iter(self._read_hash_fields(config, wanted))
        return [
            [
                {
                    name: bytes(value)
                    for name, value in zip(read.features, next(found), strict=True)
                    if value is not None
                }
                for _ in read.keys
            ]
            for read in reads
        ]


def _nanoseconds_there(client: Redis, keys: Iterable[bytes], time_field: str) -> dict[bytes, int]:
    """Return the event time of each key that has a row."""
    keys = list(dict.fromkeys(keys))
    with client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.execute_command("HGET", key, time_field)  # type: ignore[no-untyped-call]
        found = zip(keys, pipe.execute(), strict=True)
    return {key: Timestamp.FromString(text).ToNanoseconds() for key, text in found if text}


def _timestamp(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message


@lru_cache(VIEWS_KEPT)
def _fields(view: str, features: tuple[str, ...]) -> tuple[bytes, ...]:
    return tuple(_field(view, feature) for feature in features)


def _field(view: str, feature: str) -> bytes:
    """Return the field of a feature in the hash of its entity."""
    return mmh3.hash(f"{view}:{feature}", signed=False).to_bytes(4, "little")
