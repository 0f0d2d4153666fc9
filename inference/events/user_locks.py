"""Locks that keep two writers from the live row of one user, across threads and processes."""

from __future__ import annotations

import fcntl
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

N_LOCKS = 64
"""Files that stand open at most; two users wait for one another in one case of as many."""


class UserLocks:
    """A fixed number of lock files in ``folder``; each user has one of them.

    The kernel frees a lock when the process that holds it ends, however it ends.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def hold(self, users: Iterable[str]) -> Iterator[None]:
        """Wait until nobody else holds the locks of these users, and hold them."""
        # always in ascending order, so that two holders cannot wait for one another
        numbers = sorted({zlib.crc32(user.encode()) % N_LOCKS for user in users})
        with ExitStack() as held:
            for number in numbers:
                # a lock belongs to the open file: opened anew, it excludes threads as well
                file = held.enter_context((self._folder / f"{number:02}.lock").open("ab"))
                fcntl.flock(file, fcntl.LOCK_EX)
            yield
