"""Of two promotions from two machines' processes at once, one is made and one says so."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE

import psycopg
import pytest

from inference.release.registered import CHAMPION, PREVIOUS
from inference.release.release_source import ReleaseSource
from pipelines.commands import app
from pipelines.lifecycle.publish import publish
from pipelines.online.feature_store import open_store
from pipelines.release.promotion_history import PromotionHistory
from pipelines.release.tracking import open_tracking, tracking_uri
from tests.servers import postgres_server
from tests.worlds.online.serving import REPOSITORY, build_tree
from tests.worlds.online.telling_releases import write_telling_release

pytestmark = pytest.mark.long

PATIENCE_SECONDS = 180.0


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A registry in PostgreSQL whose first release is champion and whose second is challenger."""
    root = build_tree(tmp_path / "tree")
    monkeypatch.chdir(root)
    monkeypatch.setenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", str(tmp_path / "artefacts"))
    with postgres_server(tmp_path) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        for k in (0, 1):
            manifest = write_telling_release(root, k, n_others=3)
            publish(open_store(), open_tracking(), manifest)
            if k == 0:
                app.run(["promote", "--who", "first"])
        yield address.replace("+psycopg", "")


def test_of_two_promotions_at_once_one_is_made_and_the_other_says_so(database: str) -> None:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "pipelines.commands", "promote", "--who"]
    # Both have made their checks when they want to write; then the way is opened for both.
    with psycopg.connect(database) as gate:
        gate.execute("LOCK TABLE registered_models IN EXCLUSIVE MODE")
        both = [
            subprocess.Popen([*command, who], env=environment, stdout=PIPE, stderr=PIPE, text=True)
            for who in ("ann", "ben")
        ]
        wait_for_two(database)
    said = [process.communicate(timeout=PATIENCE_SECONDS) for process in both]
    assert sorted(process.returncode for process in both) == [0, 2], said
    (winner,) = [who for who, p in zip(("ann", "ben"), both, strict=True) if p.returncode == 0]
    (refusal,) = [err for (_, err), p in zip(said, both, strict=True) if p.returncode == 2]
    (line,) = [line for line in refusal.splitlines() if line.startswith("error: ")]
    assert "another move was entered meanwhile" in line
    assert "Traceback" not in refusal
    source = ReleaseSource(tracking_uri())
    assert (source.version_at(CHAMPION), source.version_at(PREVIOUS)) == (2, 1)
    moves = PromotionHistory(open_tracking()).read(2)
    assert [move.who for move in moves] == ["first", winner]


def wait_for_two(database: str) -> None:
    """Return when two connections wait for a lock."""
    end = time.monotonic() + PATIENCE_SECONDS
    with psycopg.connect(database, autocommit=True) as watcher:
        while True:
            found = watcher.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
            if found is not None and found[0] >= 2:
                return
            assert time.monotonic() < end, "nobody waits"
            time.sleep(0.05)
