"""Keeps table rows in memory. Rows of a release never change, so none is ever out of date."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

from expectations.contracts.values import ClusterContext
from inference.table.plan_table import TableRow


class RowCache:
    """The ``limit`` rows added last, by release and context; safe to use from several threads."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rows: dict[tuple[str, tuple[int, ...]], TableRow] = {}
        self._one_writer = threading.Lock()

    def __len__(self) -> int:
        return len(self._rows)

    def find(
        self, release_id: str, contexts: Iterable[ClusterContext]
    ) -> dict[ClusterContext, TableRow]:
        """Return those of the rows that are kept."""
        rows = self._rows
        found = ((context, rows.get((release_id, context.members))) for context in contexts)
        return {context: row for context, row in found if row is not None}

    def add(self, release_id: str, rows: Mapping[ClusterContext, TableRow]) -> None:
        """Keep these rows; the ones added first make room."""
        with self._one_writer:
            for context, row in rows.items():
                self._rows[release_id, context.members] = row
            for oldest in list(self._rows)[: max(len(self._rows) - self._limit, 0)]:
                del self._rows[oldest]

    def keep_only(self, release_id: str) -> None:
        """Drop the rows of every other release."""
        with self._one_writer:
            self._rows = {key: row for key, row in self._rows.items() if key[0] == release_id}
