"""A tracking database of another MLflow ends every command that needs it in one line."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from expectations.contracts.errors import UserError
from pipelines.io import paths
from pipelines.online import serve
from pipelines.release.tracking import open_tracking


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database that this MLflow makes."""
    root = tmp_path_factory.mktemp("tracking")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        open_tracking()
    return root / paths.TRACKING_DATABASE


@pytest.mark.parametrize("revision", ["451aebb31d03", "90e64c465722", "a_later_one"])
def test_another_schema_ends_in_one_line_with_the_remedy(
    database: Path, revision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    paths.TRACKING_DATABASE.parent.mkdir(parents=True)
    shutil.copy(database, paths.TRACKING_DATABASE)
    with closing(sqlite3.connect(paths.TRACKING_DATABASE)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    before = paths.TRACKING_DATABASE.read_bytes()
    Path("params.yaml").write_text("{}\n")
    for command in (open_tracking, serve.serve):
        with pytest.raises(UserError, match=r"mlflow db upgrade") as caught:
            command()
        assert revision in str(caught.value)
        assert str(caught.value).isprintable()
    assert paths.TRACKING_DATABASE.read_bytes() == before
