"""How many requests each API key has left, in memory that all processes of a service share."""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

BUCKET = struct.Struct("dd")
"""Requests left, and when that was reckoned, by the machine's monotonic clock."""


class Allowances:
    """A bucket of requests for each key, which fills up again over time.

    Args:
        names: of the keys, in their order.
        bursts: requests that a full bucket holds, for each key.
        folder: which the processes of a service share; absent, this one is alone.
    """

    def __init__(
        self, names: Sequence[str], bursts: Sequence[int], folder: Path | None = None
    ) -> None:
        self._bursts = tuple(bursts)
        if folder is None:
            self._file = os.memfd_create("allowances")
        else:
            # A worker that is started again may find other keys in their file, in another order.
            of_keys = sha256("\0".join(names).encode()).hexdigest()[:16]
            self._file = os.open(folder / f"allowances-{of_keys}", os.O_RDWR | os.O_CREAT, 0o600)
        now = time.monotonic()
        with self._locked():
            if os.fstat(self._file).st_size == 0:
                os.write(self._file, b"".join(BUCKET.pack(burst, now) for burst in self._bursts))
        self._buckets = mmap.mmap(self._file, BUCKET.size * len(self._bursts))

    def take(self, number: int, per_second: float) -> float:
        """Take one request from a key's bucket; return the seconds to wait if none is left.

        Args:
            number: of the key.
            per_second: requests by which its bucket fills up.
        """
        offset = BUCKET.size * number
        with self._locked():
            left, filled_at = BUCKET.unpack_from(self._buckets, offset)
            now = time.monotonic()
            left = min(self._bursts[number], left + (now - filled_at) * per_second)
            is_enough = left >= 1
            BUCKET.pack_into(self._buckets, offset, left - is_enough, now)
        return 0.0 if is_enough else (1 - left) / per_second

    @contextmanager
    def _locked(self) -> Iterator[None]:
        # Of processes only: within one, requests come through one after another.
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)
