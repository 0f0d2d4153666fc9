"""Loads the features of a release into the online store and reads them back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl
from feast import FeatureStore
from tqdm import tqdm

from expectations.contracts.forgotten import ForgottenUsers
from expectations.contracts.tables import (
    NOVEL_CLUSTER_TABLE,
    USER,
    USER_CLUSTER_HISTORY,
    USER_ITEM_HISTORY,
    Table,
)
from inference.features.online_features import FeatureReader
from pipelines.io.artefact_io import count_rows, read_pieces, scan_table
from pipelines.online.freshness import record_freshness
from pipelines.online.online_writes import ROWS_AT_ONCE, write_rows
from pipelines.online.read_back import guard_read_back


@dataclass(frozen=True)
class FeatureFiles:
    """The offline tables that a release serves online."""

    user_cluster_history: Path
    user_item_history: Path
    novel_cluster_table: Path


@dataclass(frozen=True)
class OnlineRows:
    """How many rows a load wrote, by view, and how many rows were read back."""

    users: int
    contexts: int
    read_back: int


def write_release_rows(
    store: FeatureStore, files: FeatureFiles, release_id: str, forgotten: ForgottenUsers
) -> OnlineRows:
    """Write every row of a release to the online store, then read all of them back.

    States from before a person asked to be forgotten stay out.

    Rows are keyed by the release, so a running service never sees them before it follows the
    alias; an interrupted load is simply run again.

    Raises:
        GateError: what came back is not what was written.
    """
    clusters = latest_states(files.user_cluster_history, USER_CLUSTER_HISTORY)
    clusters = _without_forgotten(clusters, forgotten)
    items = latest_states(files.user_item_history, USER_ITEM_HISTORY)
    items = items.join(clusters, on=USER.name, how="semi", maintain_order="left")
    n_contexts = count_rows(files.novel_cluster_table)
    views = (
        (USER_CLUSTER_HISTORY, [clusters]),
        (USER_ITEM_HISTORY, [items]),
        (
            NOVEL_CLUSTER_TABLE,
            read_pieces(files.novel_cluster_table, ROWS_AT_ONCE, NOVEL_CLUSTER_TABLE),
        ),
    )
    total = clusters.height + items.height + n_contexts
    with tqdm(total=total, desc="online rows", unit="row", disable=None) as bar:
        for view, frames in views:
            write_rows(store, view, frames, release_id, bar.update)
    users = clusters.join(items, on=USER.name, how="left")
    table = read_pieces(files.novel_cluster_table, ROWS_AT_ONCE, NOVEL_CLUSTER_TABLE)
    compared = guard_read_back(FeatureReader(lambda: store), release_id, users, table)
    record_freshness(store, USER_CLUSTER_HISTORY, files.user_cluster_history)
    record_freshness(store, USER_ITEM_HISTORY, files.user_item_history)
    record_freshness(store, NOVEL_CLUSTER_TABLE, files.novel_cluster_table)
    return OnlineRows(clusters.height, n_contexts, compared)


def latest_states(path: Path, table: Table) -> pl.DataFrame:
    """Return each user's newest row of a history, in order of user id."""
    time = str(table.event_time)
    features = [column.name for column in table.features]
    newest = [pl.col(name).sort_by(time).last() for name in (time, *features)]
    return scan_table(path, table).group_by(USER.name).agg(newest).sort(USER.name).collect()


def _without_forgotten(states: pl.DataFrame, forgotten: ForgottenUsers) -> pl.DataFrame:
    cuts = forgotten.among(states[USER.name])
    if not cuts:
        return states
    time = pl.col(str(USER_CLUSTER_HISTORY.event_time))
    rows = states.filter(pl.col(USER.name).is_in(list(cuts)))
    stale = [user for user, last in rows.select(USER.name, time).iter_rows() if last <= cuts[user]]
    return states.filter(~pl.col(USER.name).is_in(stale))
