"""Copies of releases that the processes of one service share: fetched once, mapped by each."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from inference.release.manifest import MANIFEST_FILE, SERVED_PARTS, check_parts, read_manifest
from inference.release.release_source import FetchedRelease, ReleaseSource
from training.recommender.model.recommender import SequenceRecommender

PREPARED = "prepared.safetensors"
"""Beside a copy's parts: what its recommender is searched by."""


class ReleaseCopies:
    """Fetches releases into a folder, each under its id.

    Whichever process comes first makes a copy, under another name until it is whole; the others
    wait, and find it. The kernel frees a lock when its holder ends, however it ends.

    Args:
        folder: of all processes; absent, this one has a folder of its own.
    """

    def __init__(self, folder: Path | None = None) -> None:
        if folder is None:
            self._own = tempfile.TemporaryDirectory(prefix="releases-")  # goes with this object
            folder = Path(self._own.name)
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    @contextmanager
    def open(self, source: ReleaseSource, version: int) -> Iterator[FetchedRelease]:
        """Yield the copy of a release, every part compared with its hash; nobody removes it now.

        It may be removed afterwards: what was mapped stays in memory.

        Args:
            source: fetches it if no process has yet.
            version: of the registered release.

        Raises:
            ReleaseError: the artefact is not there, incomplete or altered.
        """
        with source.fetch_part(version, MANIFEST_FILE) as file:
            manifest = read_manifest(file)
        copy = self._folder / manifest.release_id
        with ExitStack() as held:
            with locked(self._folder):
                if not copy.is_dir():
                    self._make(copy, source, version)
                held.enter_context(locked(copy, fcntl.LOCK_SH))
            check_parts(manifest, {part: copy / name for part, name in SERVED_PARTS.items()})
            yield FetchedRelease(version, copy, manifest, copy / PREPARED)

    def keep_only(self, release_id: str | None) -> None:
        """Remove what is not of this release, but for what another process is just reading."""
        with locked(self._folder):
            for other in self._folder.iterdir():
                if other.name != release_id:
                    remove_unless_locked(other)

    def _make(self, copy: Path, source: ReleaseSource, version: int) -> None:
        with source.fetch(version, self._folder) as fetched:
            recommender = fetched.folder / SERVED_PARTS["recommender"]
            SequenceRecommender.prepare(recommender, fetched.folder / PREPARED)
            fetched.folder.rename(copy)


@contextmanager
def locked(folder: Path, how: int = fcntl.LOCK_EX) -> Iterator[None]:
    """Hold the lock of a folder, waiting for it unless ``how`` says otherwise.

    Raises:
        BlockingIOError: another holds it, and ``how`` has ``fcntl.LOCK_NB``.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)


def remove_unless_locked(folder: Path) -> None:
    """Remove a folder, unless somebody holds its lock."""
    try:
        with locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return
