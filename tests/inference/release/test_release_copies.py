"""Processes of a service share one copy of a release; what is left of dead ones goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from expectations.contracts.errors import ReleaseError
from inference.release.release_copies import PREPARED, ReleaseCopies
from inference.release.release_source import FetchedRelease, ReleaseSource
from pipelines.online.service_folder import PREFIX, service_folder
from pipelines.release.tracking import tracking_uri
from tests.servers import REPOSITORY
from tests.worlds.online.published import PublishedReleases

KILLED = """
import os, signal
from pipelines.online.service_folder import service_folder
with service_folder() as folder:
    print(folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


class CountingSource(ReleaseSource):
    """Counts what is fetched."""

    fetched = 0

    @contextmanager
    def fetch(self, version: int, scratch: Path | None = None) -> Iterator[FetchedRelease]:
        with super().fetch(version, scratch) as fetched:
            self.fetched += 1
            yield fetched


def test_a_release_is_fetched_once_however_many_ask(
    tree: PublishedReleases, tmp_path: Path
) -> None:
    source, inode = CountingSource(tracking_uri()), set()
    together = threading.Barrier(4)

    def open_one() -> None:
        together.wait()
        with ReleaseCopies(tmp_path).open(source, tree.first) as copy:
            assert copy.prepared is not None
            inode.add(copy.prepared.stat().st_ino)
            together.wait()  # all read at one time

    with ThreadPoolExecutor(4) as pool:
        for future in [pool.submit(open_one) for _ in range(4)]:
            future.result()
    assert (source.fetched, len(inode)) == (1, 1)
    assert [entry.name for entry in tmp_path.iterdir()] == [copy_of(tmp_path).name]


def copy_of(folder: Path) -> Path:
    (found,) = folder.iterdir()
    return found


def test_what_is_no_longer_followed_goes_but_not_while_it_is_read(
    tree: PublishedReleases, tmp_path: Path
) -> None:
    source, copies = ReleaseSource(tracking_uri()), ReleaseCopies(tmp_path)
    (tmp_path / "release-of-a-killed-one").mkdir()
    with copies.open(source, tree.first) as first:
        ReleaseCopies(tmp_path).keep_only("another")
        assert first.folder.is_dir()
        assert not (tmp_path / "release-of-a-killed-one").exists()
    with copies.open(source, tree.second) as second:
        pass
    copies.keep_only(second.manifest.release_id)
    assert [entry.name for entry in tmp_path.iterdir()] == [second.manifest.release_id]
    copies.keep_only(None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["plan.json", "recommender/weights.safetensors"])
def test_a_copy_that_was_altered_is_refused_and_made_anew(
    tree: PublishedReleases, tmp_path: Path, name: str
) -> None:
    source, copies = CountingSource(tracking_uri()), ReleaseCopies(tmp_path)
    with copies.open(source, tree.first) as copy:
        pass
    altered = copy.folder / name
    altered.write_bytes(altered.read_bytes()[:-1] + b"!")
    with pytest.raises(ReleaseError, match=altered.relative_to(copy.folder).parts[0]):
        copies.open(source, tree.first).__enter__()
    copies.keep_only(None)
    with copies.open(source, tree.first) as copy:
        assert (copy.folder / PREPARED).is_file()
    assert source.fetched == 2


def test_the_folder_of_a_killed_service_goes_with_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", KILLED]
    killed = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = Path(killed.stdout.strip())
    assert left.is_dir()
    with service_folder() as living:
        os.utime(living, (0, 0))
        assert left.is_dir()  # too young to be sure of
        os.utime(left, (0, 0))
        other = tmp_path / f"{PREFIX}unlocked"
        other.mkdir()
        with service_folder():
            assert not left.exists()
            assert living.is_dir()
            assert other.is_dir()
    assert not living.exists()
