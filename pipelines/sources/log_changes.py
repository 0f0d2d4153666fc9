"""What is done to a raw log before it is anything else: live events added, forgotten people cut."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from expectations.contracts.errors import UserError
from expectations.contracts.forgotten import ForgottenUsers, read_forgotten
from expectations.contracts.tables import EVENTS
from pipelines.io import paths
from pipelines.io.artefact_io import read_table
from pipelines.sources.raw.record import ReadingRecord
from pipelines.sources.sound_events import require_sound_events

LOG_COLUMNS = ("user_id", "item_id", "timestamp", "feedback")
DIGITS = 16
"""Digits of the content's hash in the name of an export: whoever names it has pinned it."""


@dataclass(frozen=True)
class LogChanges:
    """Events to add and people to leave out.

    Attributes:
        events: table EVENTS, in the order of the log.
        forgotten: whose past is left out.
    """

    events: pl.DataFrame
    forgotten: ForgottenUsers

    @property
    def events_until_us(self) -> int:
        """Position in the event log up to which events are part of the data; 0 without any."""
        last = self.events["recorded_at_us"].max()
        return int(last) if isinstance(last, int) else 0

    @property
    def are_none(self) -> bool:
        """Whether the log stays as it is."""
        return self.events.is_empty() and not self.forgotten

    def apply(
        self, log: pl.DataFrame, known_items: pl.Series, record: ReadingRecord
    ) -> pl.DataFrame:
        """Return the log with the changes made; events of unknown items are left out.

        Args:
            log: ``user_id, item_id, timestamp, feedback``; any order.
            known_items: ids of the catalogue.
            record: takes the counts of what was added and left out.
        """
        if self.are_none:
            return log
        events = self.events.filter(pl.col("item_id").is_in(known_items.implode()))
        unknown = self.events.height - events.height
        line = f"left out {unknown:,} events of items that are unknown"
        record.count("events_of_unknown_items", unknown, line)
        record.count("events_added", events.height, f"added {events.height:,} events")
        columns = [pl.col(name).cast(log.schema[name]) for name in LOG_COLUMNS]
        whole = pl.concat([log, events.select(columns)])
        cuts = self.forgotten.among(whole["user_id"].unique())
        if not cuts:
            return whole
        past = pl.col("timestamp") <= pl.col("user_id").replace_strict(
            cuts, default=None, return_dtype=pl.Datetime("us", "UTC")
        )
        left = whole.filter(~past.fill_null(False))
        n_forgotten = whole.height - left.height
        line = f"left out {n_forgotten:,} rows of people who asked to be forgotten"
        record.count("rows_of_forgotten", n_forgotten, line)
        return left


def read_log_changes(exported: str | None) -> LogChanges:
    """Return the changes to make: the list of forgotten people, and an export of the event log.

    Args:
        exported: what `explorer export-events` wrote; ``None`` for no events.

    Raises:
        UserError: the export is absent, or its content is not what its name says.
    """
    events = pl.DataFrame(schema=pl.DataFrame(EVENTS.schema.empty_table()).schema)
    if exported is not None:
        path = Path(exported)
        if not path.is_file():
            remedy = "run `explorer export-events` and name it in dataset.events"
            raise UserError(str(path), "the export of the event log exists", remedy)
        if name_of_export(path) != path.name:
            rule = "the name holds the hash of the content"
            remedy = "export the events again with `explorer export-events`"
            raise UserError(str(path), rule, remedy)
        events = read_table(path, EVENTS, may_be_older=True)
        require_sound_events(events, str(path))
    return LogChanges(events, read_forgotten(paths.FORGOTTEN_USERS))


def name_of_export(path: Path) -> str:
    """Return the name that says what ``path`` holds."""
    with path.open("rb") as stream:
        return f"events-{hashlib.file_digest(stream, 'sha256').hexdigest()[:DIGITS]}.parquet"
