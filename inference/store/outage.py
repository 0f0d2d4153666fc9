"""Outages of the online store: how long nobody asks it, and what the log says of them."""

from __future__ import annotations

import logging
import math
import time

SLOW_SECONDS = 0.1
"""A failure that took longer was a wait for an answer, and so would the next one be."""
REST_SECONDS = 1.0
"""After slow failures in a row nobody waits for the store again for up to this long."""
FIRST_REST_SECONDS = 0.125
"""The same after one alone: a server that paused for an instant is soon asked again."""

log = logging.getLogger(__name__)


class Outage:
    """Whether a store answers; told of every read, and asked before each.

    Reads in several threads may note at once; a line too many is all that comes of it.
    """

    def __init__(self) -> None:
        self._since = math.inf
        self._asked_again_at = 0.0
        self._rest = FIRST_REST_SECONDS

    def is_at_rest(self, now: float) -> bool:
        """Return whether to go without the store at this time of the monotonic clock."""
        return now < self._asked_again_at

    def note_failure(self, started: float, reason: str) -> None:
        """Note a read that failed, and how: the first one of an outage is logged."""
        now = time.monotonic()
        if now - started > SLOW_SECONDS:
            self._asked_again_at = now + self._rest
            self._rest = min(2 * self._rest, REST_SECONDS)
        if math.isinf(self._since):
            self._since = started
            log.warning("the online store does not answer: %s", reason)

    def note_answer(self) -> None:
        """Note a read that came back, which ends the outage."""
        if math.isinf(self._since):
            return
        log.warning("the online store answers again, after %.2f s", time.monotonic() - self._since)
        self._since = math.inf
        self._rest = FIRST_REST_SECONDS
