"""The folder that the processes of one service share while it runs."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inference.release.release_copies import locked, remove_unless_locked

PREFIX = "explorer-serve-"
SURE_SECONDS = 60.0
"""Of age, before a folder without a lock is taken for that of a service that was killed: between
its making and its locking lies far less."""


@contextmanager
def service_folder() -> Iterator[Path]:
    """Yield a folder of this service, which goes with it; remove those of services now dead."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if _is_old_and_ours(folder):
            remove_unless_locked(folder)
    with tempfile.TemporaryDirectory(prefix=PREFIX) as name, locked(Path(name)):
        yield Path(name)


def _is_old_and_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except FileNotFoundError:  # another service was quicker
        return False
    return found.st_uid == os.getuid() and time.time() - found.st_mtime > SURE_SECONDS
