"""`python -m pipelines.commands.replay_events`: writes the live view again from the event log."""

from __future__ import annotations

from expectations.contracts.errors import UserError
from inference.store.store_connections import StoreUnreachableError
from pipelines.io.command import run_command
from pipelines.online.live_events import replay_events


def main() -> None:
    """Replay the whole log, for a store that was lost or restored; safe to run at any time."""
    try:
        n_users = replay_events(0)
    except StoreUnreachableError as error:
        rule, remedy = "the online store answers", "start it, then run the command again"
        raise UserError("online store", rule, remedy, str(error)[:160]) from None
    print(f"wrote the live rows of {n_users:,} users")


if __name__ == "__main__":
    run_command(main)
