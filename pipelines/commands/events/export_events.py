"""`explorer export-events`: the event log as a file for a build."""

from __future__ import annotations

EXAMPLE = "explorer export-events"


def command() -> None:
    """Write the log of live events as a file and print the setting that builds with it."""
    from pipelines.online.export_events import export_log

    path, n_events = export_log()
    print(f"{n_events:,} events in {path}; to build with them:")
    print(f"  dvc exp run -S dataset.events={path}")
