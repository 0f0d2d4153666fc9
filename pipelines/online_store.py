"""Loads the features of a release into the online store and reads them back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from feast import FeatureStore
from tqdm import tqdm

from expectations.contracts.errors import ReleaseError
from expectations.contracts.forgotten import ForgottenUsers
from expectations.contracts.tables import (
    NOVEL_CLUSTER_TABLE,
    RELEASE,
    USER,
    USER_CLUSTER_HISTORY,
    USER_ITEM_HISTORY,
    Table,
)
from expectations.contracts.values import ClusterPair
from inference.serving.features import FeatureReader, UserFeatures
from pipelines.artefact_io import scan_table

ROWS_AT_ONCE = 5_000
"""Batches of this size took a quarter of the memory of Feast's own materialize."""

READ_BACK_LIMIT = 20_000
"""Rows compared after a load; beyond, as many evenly spread ones."""


@dataclass(frozen=True)
class FeatureFiles:
    """The offline tables that a release serves online."""

    user_cluster_history: Path
    user_item_history: Path
    novel_cluster_table: Path


@dataclass(frozen=True)
class OnlineRows:
    """How many rows a load wrote, by view, and how many keys of them were read back."""

    users: int
    pairs: int
    read_back: int


def load_release(
    store: FeatureStore, files: FeatureFiles, release_id: str, forgotten: ForgottenUsers
) -> OnlineRows:
    """Write every row of a release to the online store, then read rows back and compare.

    States from before a person asked to be forgotten stay out.

    Rows are keyed by the release, so a running service never sees them before it follows the
    alias; an interrupted load is simply run again.

    Raises:
        ReleaseError: what came back is not what was written.
    """
    clusters = latest_states(files.user_cluster_history, USER_CLUSTER_HISTORY)
    clusters = _without_forgotten(clusters, forgotten)
    items = latest_states(files.user_item_history, USER_ITEM_HISTORY)
    items = items.join(clusters, on=USER.name, how="semi", maintain_order="left")
    table = scan_table(files.novel_cluster_table).sort("pair_key").collect()
    total = clusters.height + items.height + table.height
    with tqdm(total=total, desc="online rows", unit="row", disable=None) as bar:
        views = (
            (USER_CLUSTER_HISTORY, clusters),
            (USER_ITEM_HISTORY, items),
            (NOVEL_CLUSTER_TABLE, table),
        )
        for view, frame in views:
            for piece in _pieces(frame):
                _write(store, view, piece, release_id)
                bar.update(piece.height)
    reader = FeatureReader(lambda: store)
    compared = _compare_users(reader, release_id, clusters.join(items, on=USER.name, how="left"))
    compared += _compare_rows(reader, release_id, table)
    return OnlineRows(clusters.height, table.height, compared)


def latest_states(path: Path, table: Table) -> pl.DataFrame:
    """Return each user's newest row of a history, in order of user id."""
    time = str(table.event_time)
    features = [column.name for column in table.features]
    newest = [pl.col(name).sort_by(time).last() for name in (time, *features)]
    return scan_table(path).group_by(USER.name).agg(newest).sort(USER.name).collect()


def _without_forgotten(states: pl.DataFrame, forgotten: ForgottenUsers) -> pl.DataFrame:
    cuts = forgotten.among(states[USER.name])
    if not cuts:
        return states
    time = pl.col(str(USER_CLUSTER_HISTORY.event_time))
    rows = states.filter(pl.col(USER.name).is_in(list(cuts)))
    stale = [user for user, last in rows.select(USER.name, time).iter_rows() if last <= cuts[user]]
    return states.filter(~pl.col(USER.name).is_in(stale))


def _pieces(frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    yield from frame.iter_slices(ROWS_AT_ONCE)


def _write(store: FeatureStore, table: Table, piece: pl.DataFrame, release_id: str) -> None:
    rows = piece.with_columns(pl.lit(release_id).alias(RELEASE.name)).select(table.schema.names)
    store.write_to_online_store(table.name, df=rows.to_pandas())


def _sample(frame: pl.DataFrame) -> pl.DataFrame:
    if frame.height <= READ_BACK_LIMIT:
        return frame
    return frame[np.linspace(0, frame.height - 1, READ_BACK_LIMIT).astype(np.int64)]


def _compare_users(reader: FeatureReader, release_id: str, states: pl.DataFrame) -> int:
    sample = _sample(states)
    found = reader.read_users(release_id, sample[USER.name].to_list())
    for row in sample.iter_rows(named=True):
        expected = UserFeatures(
            tuple(row["history_clusters"]),
            tuple(row["consumed_clusters"]),
            tuple(row["recent_items"] or ()),
            tuple(row["consumed_items"] or ()),
        )
        if found.get(row[USER.name]) != expected:
            raise _lost("user", row[USER.name])
    return sample.height


def _compare_rows(reader: FeatureReader, release_id: str, table: pl.DataFrame) -> int:
    sample = _sample(table)
    pairs = [ClusterPair.parse(key) for key in sample["pair_key"].to_list()]
    found = reader.fetch_rows(release_id, pairs)
    lists = zip(pairs, sample["novel_clusters"], sample["scores"], strict=True)
    for pair, clusters, scores in lists:
        row = found.get(pair)
        same = (
            row is not None
            and np.array_equal(row.novel_clusters, clusters.to_numpy())
            and np.array_equal(row.scores, scores.to_numpy())
        )
        if not same:
            raise _lost("pair", pair.key)
    return sample.height


def _lost(kind: str, key: str) -> ReleaseError:
    rule = "the online store returns the rows that were written"
    return ReleaseError("online store", rule, "run `python -m pipelines.publish`", f"{kind} {key}")
