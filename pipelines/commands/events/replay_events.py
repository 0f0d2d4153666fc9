"""`explorer replay-events`: writes the live view again from the event log."""

from __future__ import annotations

EXAMPLE = "explorer replay-events"


def command() -> None:
    """Fill a lost or restored store again from the event log; safe to run at any time."""
    from pipelines.online import live_events
    from pipelines.params.params import read_params

    n_users = live_events.replay_events(0, read_params().serving)
    print(f"wrote the live rows of {n_users:,} users")
