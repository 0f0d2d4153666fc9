"""A full disk and a server that is away are one line at once; a fault of ours stays a traceback."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from google.protobuf.message import DecodeError
from mlflow.exceptions import MlflowException

from expectations.contracts.errors import UserError
from inference.release.registry_answer import RegistryUnreachableError
from inference.release.release_source import ReleaseSource
from inference.store.store_connections import StoreUnreachableError
from pipelines.io.command import run_command
from pipelines.io.failures import explain
from pipelines.online.feature_store import open_store
from pipelines.release.tracking import open_tracking
from tests.conftest import require_program
from tests.servers import free_port
from tests.worlds.online.serving import REPOSITORY, build_tree
from tests.worlds.online.telling_releases import write_telling_release

MOST_SECONDS = 30.0
"""Five for the connection, the rest for a busy machine; MLflow's own tries take 100 and more."""


@pytest.mark.parametrize(
    "address",
    ["http://127.0.0.1:{}", "postgresql+psycopg://owner:secret@127.0.0.1:{}/runs"],
)
def test_a_registry_that_is_away_is_one_line_at_once(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = address.format(free_port())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    for ask in (open_tracking, lambda: ReleaseSource(uri).version_at("champion")):
        started = time.monotonic()
        with pytest.raises(RegistryUnreachableError, match="correct MLFLOW_TRACKING_URI") as caught:
            ask()
        assert time.monotonic() - started < MOST_SECONDS
        assert "secret" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_registry_that_comes_later_is_found_by_the_same_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that starts before its registry goes on asking."""
    port = free_port()
    source = ReleaseSource(f"http://127.0.0.1:{port}")
    with pytest.raises(RegistryUnreachableError):
        source.version_at("champion")
    server = subprocess.Popen([sys.executable, "-c", NO_SUCH_MODEL, str(port)])
    try:
        end = time.monotonic() + MOST_SECONDS
        while True:
            try:
                assert source.version_at("champion") is None
                break
            except RegistryUnreachableError:
                assert time.monotonic() < end
                time.sleep(0.1)
    finally:
        server.terminate()
        server.wait()


NO_SUCH_MODEL = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no such model"}'
        self.send_response(404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


def test_settings_whose_variables_are_not_set_name_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setenv("FEAST_FS_YAML_FILE_PATH", "feature_repo/feature_store.production.yaml")
    monkeypatch.setenv("FEAST_REDIS", "")
    monkeypatch.delenv("FEAST_REGISTRY", raising=False)
    with pytest.raises(UserError, match=r"found: FEAST_REDIS, FEAST_REGISTRY unset") as caught:
        open_store()
    assert str(caught.value).endswith("export FEAST_REDIS=… FEAST_REGISTRY=…")


def raised(*errors: Exception) -> Exception:
    """The last of these errors, raised because of the one before, and so on."""
    cause = None
    for error in errors:
        error.__cause__, cause = cause, error
    return errors[-1]


FULL = OSError(errno.ENOSPC, "No space left on device", "var/x")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (raised(FULL), "disk: has room for what is written"),
        (raised(FULL, ValueError("while it was written")), "disk: has room"),
        (MlflowException("(sqlite3.OperationalError) database or disk is full"), "disk: has room"),
        (MlflowException("Max retries exceeded"), "model registry: answers"),
        (MlflowException("no such tag", error_code=5), None),
        (sqlite3.DatabaseError("file is not a database"), "a database of SQLite"),
        (sqlite3.OperationalError("unable to open database file"), "a database of SQLite"),
        (sqlite3.IntegrityError("UNIQUE constraint failed"), None),
        (StoreUnreachableError("OperationalError: no such table"), "online store: answers"),
        (DecodeError("Error parsing message"), "feature registry: is whole"),
        (PermissionError(errno.EACCES, "Permission denied", "var/x"), "var/x: can be read"),
        (OSError(errno.EROFS, "Read-only file system", "a", None, "var/y"), "var/y: can be read"),
        (PermissionError(errno.EACCES, "Failed to open local file 'z'"), "a file: can be read"),
        (FileNotFoundError(errno.ENOENT, "No such file", "a part of ours"), None),
        (KeyError("a fault of ours"), None),
    ],
)
def test_only_what_lies_outside_is_explained(error: Exception, line: str | None) -> None:
    told = explain(error)
    assert (told is None) if line is None else str(told).startswith(line)


def test_a_fault_of_ours_is_raised_and_an_outer_one_ends_the_process(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(error: Exception) -> None:
        raise error

    with pytest.raises(KeyError):
        run_command(lambda: fail(KeyError("ours")))
    with pytest.raises(SystemExit, match="2"):
        run_command(lambda: fail(FULL))
    assert capsys.readouterr().err.startswith("error: disk: has room")


ON_A_SMALL_DISK = """
mount -t tmpfs -o size=$1 tmpfs var || exit 77
"$0" -m pipelines.commands publish; echo "ended with $?"
mount -o remount,size=300m var
"$0" -m pipelines.commands publish; echo "then with $?"
"""


@pytest.mark.long
@pytest.mark.parametrize("size", ["400k", "1200k", "1800k"])
def test_a_full_disk_is_one_line_wherever_publish_meets_it_and_then_publish_works(
    tmp_path: Path, size: str
) -> None:
    """On a real small file system, as a namespace of its own allows it without privileges.

    Full while MLflow makes its database, while rows go online, and while models are registered.
    """
    tree = build_tree(tmp_path / "tree")
    write_telling_release(tree, 0, n_others=300)
    (tree / "var").mkdir(exist_ok=True)
    (tree / ".dvc").mkdir()
    (tree / ".dvc" / "config").write_text("[core]\n    no_scm = true\n")
    done = on_a_small_disk(tree, ["sh", "-c", ON_A_SMALL_DISK, sys.executable, size])
    if done.returncode == 77 or "unshare" in done.stderr:
        require_program(None, "util-linux, with the right to make a file system")
    first, _, second = done.stdout.partition("ended with ")
    assert second.startswith("2\n"), done.stderr
    assert second.rstrip().endswith("then with 0"), done.stderr
    assert first == ""
    error, made = done.stderr.splitlines()
    assert error.startswith("error: disk: has room for what is written")
    assert made.startswith("publish: ")


def on_a_small_disk(tree: Path, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    unshare = require_program(shutil.which("unshare"), "util-linux")
    environment = {"PYTHONPATH": str(REPOSITORY), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
    return subprocess.run(
        [unshare, "--map-root-user", "--mount", *command],
        cwd=tree,
        env=environment | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
