"""The names of the ways in which a log may tell time: what ``time_format`` may be set to."""

from __future__ import annotations

TIME_FORMATS = (
    *("auto", "iso", "epoch_seconds", "epoch_milliseconds", "epoch_microseconds"),
    *("epoch_nanoseconds", "epoch_days", "excel_days"),
)
