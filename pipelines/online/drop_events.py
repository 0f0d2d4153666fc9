"""Single events go out of log and live view, no person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from expectations.contracts.errors import UserError
from inference.events.event import EPOCH, ItemEvent
from inference.serving.config import ServingConfig
from inference.store.store_connections import StoreUnreachableError
from pipelines.io import paths
from pipelines.online.event_tables import write_live_rows
from pipelines.online.live_events import open_event_log, open_live_view
from pipelines.params.params import read_params


def drop_and_describe(event_ids: Sequence[str]) -> Iterator[str]:
    """Drop events of this tree's log, then say what they were."""
    for event in drop_events(read_params().serving, event_ids):
        yield f"dropped event {event.event_id!r}: {_describe(event)}"
    yield "exports made before still hold them: export again with `explorer export-events`"


def drop_events(config: ServingConfig, event_ids: Sequence[str]) -> list[ItemEvent]:
    """Remove events from the log and from the live view; all of them or none.

    Raises:
        UserError: there is no event of such an id, or the online store did not answer.
    """
    log = open_event_log(config)
    known = {event.event_id for event in log.find(event_ids)}
    strangers = [event_id for event_id in event_ids if event_id not in known]
    if strangers:
        rule = "holds every event that is to be dropped"
        remedy = "name events as their sender did; the export of the log lists all ids"
        raise UserError(config.event_log, rule, remedy, ", ".join(map(repr, strangers[:3])))
    dropped = log.drop(event_ids)
    try:
        open_live_view(config).heal()
    except StoreUnreachableError as error:
        rule, remedy = "the online store answers", "start it: a service then brings it up to date"
        raise UserError("online store", rule, remedy, str(error)[:160]) from None
    write_live_rows(log, config.live_events, paths.USER_LIVE_EVENTS)
    return dropped


def _describe(event: ItemEvent) -> str:
    time = EPOCH + timedelta(microseconds=event.time_us)
    given = "none" if event.feedback is None else f"{event.feedback:g}"
    return f"item {event.item_id!r} at {time.isoformat()}, feedback {given}"
