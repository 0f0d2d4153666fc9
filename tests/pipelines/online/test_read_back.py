"""Rows read back from a real online store: lost, altered and absent ones stop a publication."""

from __future__ import annotations

import polars as pl
import pytest

from expectations.contracts import tables
from expectations.contracts.errors import GateError
from inference.features.online_features import FeatureReader
from inference.release.release_source import ReleaseSource
from pipelines.io import paths
from pipelines.io.artefact_io import read_json, read_table
from pipelines.online.feature_store import open_store
from pipelines.online.online_store import latest_states
from pipelines.online.read_back import guard_read_back
from pipelines.release.tracking import open_tracking, tracking_uri
from tests.worlds.online.published import PublishedReleases
from tests.worlds.online.serving import PEOPLE

pytestmark = pytest.mark.usefixtures("tree")


@pytest.fixture
def reader() -> FeatureReader:
    return FeatureReader(open_store)


@pytest.fixture
def release_id(tree: PublishedReleases) -> str:
    open_tracking()
    with ReleaseSource(tracking_uri()).fetch(tree.worse) as fetched:
        return fetched.manifest.release_id


@pytest.fixture
def users() -> pl.DataFrame:
    clusters = latest_states(paths.USER_CLUSTER_HISTORY, tables.USER_CLUSTER_HISTORY)
    items = latest_states(paths.USER_ITEM_HISTORY, tables.USER_ITEM_HISTORY)
    return clusters.join(items, on="user_id", how="left")


@pytest.fixture
def table() -> pl.DataFrame:
    return read_table(paths.NOVEL_CLUSTER_TABLE, tables.NOVEL_CLUSTER_TABLE)


def test_what_was_published_comes_back_whole(
    reader: FeatureReader, release_id: str, users: pl.DataFrame, table: pl.DataFrame
) -> None:
    assert guard_read_back(reader, release_id, users, [table]) == len(PEOPLE) + table.height
    report = read_json(paths.READ_BACK_REPORT)
    assert report["passed"]
    assert {v["metric"]: v["figure"] for v in report["verdicts"]} == {
        "users_looked_up": len(PEOPLE), "users_missing": 0, "users_altered": 0,
        "contexts_looked_up": table.height, "contexts_missing": 0, "contexts_altered": 0,
    }  # fmt: skip
    assert (paths.DATA_DOCS / "features_read_back.html").is_file()


def test_an_altered_score_stops_it_and_is_named(
    reader: FeatureReader, release_id: str, users: pl.DataFrame, table: pl.DataFrame
) -> None:
    rows = table.to_dicts()
    rows[3]["scores"][0] += 1e-6
    altered = pl.DataFrame(rows, schema=table.schema)
    with pytest.raises(GateError, match=r"contexts_altered is at most 0, found 1") as caught:
        guard_read_back(reader, release_id, users, [altered])
    assert f"contexts: {rows[3]['context_key']}" in str(caught.value)


def test_an_altered_history_stops_it(
    reader: FeatureReader, release_id: str, users: pl.DataFrame, table: pl.DataFrame
) -> None:
    rows = users.to_dicts()
    rows[0]["recent_items"] = rows[0]["recent_items"][::-1]
    altered = pl.DataFrame(rows, schema=users.schema)
    with pytest.raises(GateError, match=r"users_altered is at most 0, found 1.*users: ann"):
        guard_read_back(reader, release_id, altered, [table])


def test_rows_of_a_release_that_was_never_loaded_are_missing(
    reader: FeatureReader, users: pl.DataFrame, table: pl.DataFrame
) -> None:
    with pytest.raises(GateError, match=r"users_missing is at most 0, found 6.*contexts_missing"):
        guard_read_back(reader, "never loaded", users, [table])


def test_nothing_to_look_up_is_no_proof(
    reader: FeatureReader, release_id: str, users: pl.DataFrame, table: pl.DataFrame
) -> None:
    with pytest.raises(GateError, match="users_looked_up is at least 1, found 0"):
        guard_read_back(reader, release_id, users.clear(), [table.clear()])
