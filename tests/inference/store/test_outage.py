"""How long a store that does not answer is left alone."""

from __future__ import annotations

import time

import pytest

from inference.store.outage import FIRST_REST_SECONDS, REST_SECONDS, SLOW_SECONDS, Outage

WAITED = 2 * SLOW_SECONDS


def rest_of(outage: Outage) -> float:
    """Return for how long the store is not asked from now on, to a hundredth of a second."""
    now, steps = time.monotonic(), range(1000)
    return next(step / 100 for step in steps if not outage.is_at_rest(now + step / 100))


def test_one_pause_costs_an_instant_and_an_outage_ever_longer_rests() -> None:
    outage = Outage()
    rests = []
    for _ in range(5):
        outage.note_failure(time.monotonic() - WAITED, "TimeoutError")
        rests.append(rest_of(outage))
    expected = [min(FIRST_REST_SECONDS * 2**n, REST_SECONDS) for n in range(5)]
    assert rests == pytest.approx(expected, abs=0.02)
    outage.note_answer()
    outage.note_failure(time.monotonic() - WAITED, "TimeoutError")
    assert rest_of(outage) == pytest.approx(FIRST_REST_SECONDS, abs=0.02)


def test_a_store_that_refuses_at_once_is_asked_by_every_read() -> None:
    outage = Outage()
    for _ in range(5):
        outage.note_failure(time.monotonic(), "ConnectionError")
        assert rest_of(outage) == 0


def test_an_outage_is_logged_when_it_begins_and_when_it_ends(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outage = Outage()
    outage.note_answer()
    for _ in range(3):
        outage.note_failure(time.monotonic(), "ConnectionError: refused")
    for _ in range(3):
        outage.note_answer()
    outage.note_failure(time.monotonic(), "ConnectionError: reset")
    lines = [line.getMessage() for line in caplog.records]
    assert [line.partition(", after")[0] for line in lines] == [
        "the online store does not answer: ConnectionError: refused",
        "the online store answers again",
        "the online store does not answer: ConnectionError: reset",
    ]
