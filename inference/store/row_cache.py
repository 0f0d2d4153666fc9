"""Keeps table rows in memory. Rows of a release never change, so none is ever out of date."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from expectations.contracts.values import ClusterPair
from inference.table.plan_table import TableRow


class RowCache:
    """The ``limit`` rows added last, by release and pair; safe to use from several threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rows: dict[tuple[str, ClusterPair], TableRow] = {}
        self._one_writer = threading.Lock()

    def __len__(self) -> int:
        return len(self._rows)

    def find(self, release_id: str, pairs: Iterable[ClusterPair]) -> dict[ClusterPair, TableRow]:
        """Return those of the rows that are kept."""
        rows = self._rows
        found = ((pair, rows.get((release_id, pair))) for pair in pairs)
        return {pair: row for pair, row in found if row is not None}

    def add(self, release_id: str, rows: Mapping[ClusterPair, TableRow]) -> None:
        """Keep these rows; the ones added first make room."""
        with self._one_writer:
            for pair, row in rows.items():
                self._rows[release_id, pair] = row
            for oldest in list(self._rows)[: max(len(self._rows) - self._limit, 0)]:
                del self._rows[oldest]

    def keep_only(self, release_id: str) -> None:
        """Drop the rows of every other release."""
        with self._one_writer:
            self._rows = {key: row for key, row in self._rows.items() if key[0] == release_id}
