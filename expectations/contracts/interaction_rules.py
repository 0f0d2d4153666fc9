"""What an interaction may be, wherever it comes from: a log, an event, an export. ONE place."""

from __future__ import annotations

from datetime import UTC, datetime

EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
TIME_RULE = f"times lie between {EARLIEST.year} and {LATEST.year}"

MAX_ID_LENGTH = 256
"""Characters of an id, from the raw file to the service's address."""
CONTROL_CHARACTERS = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]"
"""A pattern for Python and Rust alike: what no id holds, since no eye can tell it."""
MISSING_MARKERS = ("\\N", "<NA>", "NaN", "nan", "NULL", "null", "None")
"""What databases and pandas write where they have nothing: no id, and no feedback."""
ID_RULE = (
    f"an id has 1 to {MAX_ID_LENGTH} characters, no control character, no blank at either end, "
    "and is not a marker of something missing such as NULL"
)

MAX_FEEDBACK = float.fromhex("0x1.fffffep+127")
"""The largest number of 32 bits: beyond it feedback would be infinite in every table."""
FEEDBACK_RULE = "feedback is a number of at most 3.4e38, or absent"


def is_id(text: str) -> bool:
    """Return whether ``text`` is an id as :data:`ID_RULE` says."""
    return (
        0 < len(text) <= MAX_ID_LENGTH
        and text == text.strip()
        and text not in MISSING_MARKERS
        and not any(_is_control(letter) for letter in text)
    )


def is_feedback(value: float | None) -> bool:
    """Return whether ``value`` is feedback as :data:`FEEDBACK_RULE` says; NaN is none."""
    return value is None or abs(value) <= MAX_FEEDBACK


def is_time(value: datetime) -> bool:
    """Return whether ``value``, which has a zone, is of the years that data may be of."""
    return EARLIEST <= value < LATEST


def _is_control(letter: str) -> bool:
    return letter < " " or "\x7f" <= letter <= "\x9f" or letter in "\u2028\u2029\ufeff"
