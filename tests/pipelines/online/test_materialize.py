"""Loading by Feast's own commands is refused in one line, and its record of freshness is true."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from feast.cli.cli import cli
from feast.feature_view import FeatureViewState

from expectations.contracts import tables
from inference.features.published_features import NotMaterializedError
from inference.release.manifest import read_manifest
from pipelines.io import paths
from pipelines.lifecycle.publish import publish
from pipelines.online.feature_store import open_store
from pipelines.online.online_rows import count_online_rows
from pipelines.release.tracking import open_tracking
from tests.worlds.online.serving import EARLIER, NOW

pytestmark = pytest.mark.usefixtures("tree")

YEAR = timedelta(weeks=52)
LOADED = (
    tables.USER_CLUSTER_HISTORY.name,
    tables.USER_ITEM_HISTORY.name,
    tables.NOVEL_CLUSTER_TABLE.name,
)


def test_feast_materializes_nothing_and_says_who_does() -> None:
    store = open_store()
    rows = count_online_rows(store, lambda key: "all")
    record = {view.name: (view.state, view.materialization_intervals) for view in _views()}
    with pytest.raises(NotMaterializedError, match="explorer publish"):
        store.materialize_incremental(datetime.now(UTC))
    for name in (*LOADED, tables.USER_LIVE_EVENTS.name):
        with pytest.raises(NotMaterializedError, match=name):
            store.materialize(NOW - YEAR, NOW + YEAR, [name])
    assert count_online_rows(open_store(), lambda key: "all") == rows
    assert record == {view.name: (view.state, view.materialization_intervals) for view in _views()}


def test_the_command_ends_with_one_line() -> None:
    ended = CliRunner().invoke(cli, ["-c", "feature_repo", "materialize-incremental", "2030-01-01"])
    assert ended.exit_code == 1
    assert isinstance(ended.exception, SystemExit)
    last = ended.stderr.splitlines()[-1]
    assert last.startswith("Error: ")
    assert "explorer publish" in last


def test_feast_knows_until_when_the_rows_online_are() -> None:
    loaded = {view.name: view for view in _views() if view.name in LOADED}
    history = loaded[tables.USER_CLUSTER_HISTORY.name]
    assert history.materialization_intervals[0] == (EARLIER, NOW)
    for view in loaded.values():
        assert view.state == FeatureViewState.AVAILABLE_ONLINE
        assert view.most_recent_end_time is not None
    publish(open_store(), open_tracking(), read_manifest(paths.RELEASE))
    again = {view.name: view for view in _views()}
    for name, view in loaded.items():
        assert again[name].materialization_intervals == view.materialization_intervals


def _views() -> list[object]:
    return list(open_store().list_feature_views())
