"""The event log as a file for a build."""

from __future__ import annotations

from pathlib import Path

from expectations.contracts.tables import EVENTS
from inference.events.log import EventLog
from pipelines.io import paths
from pipelines.io.artefact_io import TableWriter
from pipelines.online.event_tables import to_events
from pipelines.online.live_events import open_event_log
from pipelines.params.params import read_params
from pipelines.sources.log_changes import name_of_export
from pipelines.sources.sound_events import require_sound_events

EVENTS_AT_ONCE = 100_000
"""Bounds the memory of an export: some 20 MB."""


def export_log() -> tuple[Path, int]:
    """Export every event of this tree's log; return the file and its rows."""
    log = open_event_log(read_params().serving)
    return export_events(log, paths.EVENT_EXPORTS)


def export_events(log: EventLog, folder: Path) -> tuple[Path, int]:
    """Write table EVENTS, under a name that says its content; return the file and its rows.

    Raises:
        UserError: an event is none that a build would take.
    """
    n_events, last = 0, 0
    partial = folder / "events.parquet"
    with TableWriter(partial, EVENTS) as writer:
        while piece := log.read(last, EVENTS_AT_ONCE):
            events = to_events(piece)
            require_sound_events(events, "the event log")
            writer.write(events)
            n_events += len(piece)
            last = piece[-1].recorded_at_us
    return partial.rename(folder / name_of_export(partial)), n_events
