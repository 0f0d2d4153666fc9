"""Sets the exploration share by what people did with what they were shown."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
from pydantic import TypeAdapter, ValidationError

from expectations.contracts.errors import ReleaseError, UserError
from expectations.contracts.forgotten import ForgottenUsers, read_forgotten
from inference.events.event import to_microseconds
from inference.events.log import EventLog
from inference.experiment.calibration import ShareCalibration
from inference.release.registered import CALIBRATED_SHARE, CHAMPION, RELEASE_MODEL
from inference.release.release_source import ReleaseSource
from inference.serving.answers import Impression
from inference.serving.exploration.arms import DEFAULT_ARM
from inference.serving.exploration.blend import ListName
from pipelines.online.event_tables import to_events
from pipelines.online.live_events import open_event_log
from pipelines.params.params import read_params
from pipelines.release.tracking import open_tracking, tracking_uri

IMPRESSION = TypeAdapter(Impression)
EVENTS_AT_ONCE = 100_000
"""Bounds the memory of a look through the log."""
US_PER_HOUR = 3_600_000_000
US_PER_DAY = 24 * US_PER_HOUR
SHOWN = {
    "round": pl.Int64,
    "user": pl.Int64,
    "position": pl.Int64,
    "is_exploratory": pl.Boolean,
    "user_id": pl.String,
    "item_id": pl.String,
    "at_us": pl.Int64,
}
"""An item of a list: ``round`` is the day, ``user`` numbers the list."""
LIKED = {"user_id": pl.String, "item_id": pl.String, "time_us": pl.Int64}


def calibrate_and_describe(files: Sequence[Path], hours: float, keep: bool) -> Iterator[str]:
    """Say what the last explored and the last ordinary items of lists earned, and set the share.

    Args:
        files: logs of a service with ``serving.log_impressions``; other lines are passed over.
        hours: for how long after a list an item of it counts as taken from it. Lists younger than
            that are left out.
        keep: only say it.

    Raises:
        UserError: a file is not there, or an impression cannot be read.
        ReleaseError: no release is promoted.
    """
    params = read_params()
    client, source = open_tracking(), ReleaseSource(tracking_uri())
    if source.version_at(CHAMPION) is None:
        remedy = "promote a release: its lists are what a share is calibrated on"
        raise ReleaseError(RELEASE_MODEL, f"has the alias {CHAMPION}", remedy)
    now = source.calibrated_share()
    calibration = ShareCalibration(params.serving.exploration_share if now is None else now)
    forgotten = read_forgotten(Path(params.serving.forgotten_users))
    ended_before = time.time_ns() // 1000 - int(hours * US_PER_HOUR)
    shown = read_impressions(files, forgotten).filter(pl.col("at_us") < ended_before)
    log = open_event_log(params.serving)
    liked = mark_liked(shown, read_likes(log, params.dataset.threshold), hours)
    for day in liked.sort("at_us").partition_by("round", maintain_order=True):
        calibration.observe(day)
    days, lists = (liked[name].n_unique() for name in ("round", "user"))
    yield f"{lists:,} lists of {days:,} days, each older than {hours:g} hours"
    if calibration.rates is None:
        yield f"no list shows items of both kinds: the share stays {calibration.share:g}"
        return
    explored, ordinary = calibration.rates
    before = calibration.share
    calibration.adjust()
    yield f"a position is examined {calibration.persistence:.2f} times as often as the one before"
    yield f"likes a look: the last explored item {explored:.3f}, the last ordinary {ordinary:.3f}"
    if keep:
        yield f"exploration share {before:.3f}, would be {calibration.share:.3f}"
        return
    client.set_registered_model_tag(RELEASE_MODEL, CALIBRATED_SHARE, f"{calibration.share:.4f}")
    yield f"exploration share {before:.3f} -> {calibration.share:.3f}"
    if params.serving.blend == "share":
        yield "services follow it with `serving.blend: calibrated`"


def read_impressions(files: Sequence[Path], forgotten: ForgottenUsers) -> pl.DataFrame:
    """Return what was shown by the usual share, a row per item; see :data:`SHOWN`.

    Lists of sessions, of other arms, of people who chose a share and of the forgotten are left
    out.

    Raises:
        UserError: a file is not there, or an impression cannot be read.
    """
    rows: list[tuple[object, ...]] = []
    for file in files:
        try:
            text = file.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            rule, remedy = "can be read", "name the log of a service"
            raise UserError(str(file), rule, remedy, error.strerror or "") from None
        for number, line in enumerate(text.splitlines(), start=1):
            prefix, brace, rest = line.partition("{")
            if '"items"' not in rest or not (prefix == "" or "impressions" in prefix):
                continue  # another log's line
            try:
                shown = IMPRESSION.validate_json(brace + rest)
            except ValidationError as error:
                where, rule = f"{file}, line {number}", "an impression can be read"
                remedy = "take the line out; it may have been cut off"
                raise UserError(where, rule, remedy, error.errors()[0]["msg"]) from None
            if _counts(shown, forgotten):
                rows.extend(_rows_of(shown, len(rows)))
    return pl.DataFrame(rows, schema=SHOWN, orient="row")


def read_likes(log: EventLog, threshold: float | None) -> pl.DataFrame:
    """Return positive events, a row each; see :data:`LIKED`.

    Args:
        log: of events.
        threshold: feedback from which an event is positive; where an event has none, it is.
    """
    pieces, last = [pl.DataFrame(schema=LIKED)], 0
    while piece := log.read(last, EVENTS_AT_ONCE):
        events = to_events(piece)
        if threshold is not None:
            events = events.filter((pl.col("feedback") >= threshold).fill_null(True))
        pieces.append(events.select(pl.col(name).cast(type_) for name, type_ in LIKED.items()))
        last = piece[-1].recorded_at_us
    return pl.concat(pieces)


def mark_liked(shown: pl.DataFrame, likes: pl.DataFrame, hours: float) -> pl.DataFrame:
    """Return what was shown with ``is_positive``: liked by whom it was shown, in time.

    A like counts for the last list before it that showed the item.
    """
    window = int(hours * US_PER_HOUR)
    keyed = shown.with_row_index("shown").sort("at_us")
    taken = (
        likes.sort("time_us")
        .join_asof(
            keyed,
            left_on="time_us",
            right_on="at_us",
            by=["user_id", "item_id"],
            strategy="backward",
            tolerance=window,
            check_sortedness=False,
        )
        .drop_nulls("shown")
    )
    return (
        shown.with_row_index("shown")
        .with_columns(is_positive=pl.col("shown").is_in(taken["shown"].implode()))
        .drop("shown")
    )


def _counts(shown: Impression, forgotten: ForgottenUsers) -> bool:
    if shown.user_id is None or shown.arm != DEFAULT_ARM or not shown.share_is_default:
        return False
    cut = forgotten.cut_of(shown.user_id)
    return cut is None or shown.at_us >= to_microseconds(cut)


def _rows_of(shown: Impression, list_number: int) -> Iterator[tuple[object, ...]]:
    for item in shown.items:
        yield (
            shown.at_us // US_PER_DAY,
            list_number,
            item.position,
            item.list is ListName.EXPLORATORY,
            shown.user_id,
            item.item_id,
            shown.at_us,
        )
