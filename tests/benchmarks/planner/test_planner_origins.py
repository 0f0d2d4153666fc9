"""Rolling origins cut the log where the shares say, and windows follow on from each other."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.planner.compare import roll
from benchmarks.planner.origins import RollingWindow, roll_windows, settings_at
from benchmarks.planner.runs import Settings, read_settings
from expectations.contracts.errors import UserError
from tests.worlds.sources import logs, write_logs

START = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOURLY = [START + index * HOUR for index in range(100)]


def shipped(*changes: str) -> Settings:
    return read_settings(changes, threads=1)


def test_each_window_ends_where_the_next_begins_and_is_validated_right_before_itself() -> None:
    assert roll_windows(HOURLY, [0.4, 0.6, 0.9]) == [
        RollingWindow(START + 20 * HOUR, START + 40 * HOUR, START + 60 * HOUR),
        RollingWindow(START + 30 * HOUR, START + 60 * HOUR, START + 90 * HOUR),
        RollingWindow(START + 80 * HOUR, START + 90 * HOUR, None),
    ]


@given(
    st.lists(st.integers(0, 5000), min_size=1, max_size=80),
    st.lists(st.floats(0.01, 0.99), min_size=1, max_size=5, unique=True),
)
def test_every_window_holds_something_and_the_tests_do_not_overlap(
    minutes: list[int], shares: list[float]
) -> None:
    times = sorted(START + timedelta(minutes=minute) for minute in minutes)
    try:
        windows = roll_windows(times, sorted(shares))
    except UserError:
        return
    assert len(windows) == len(shares)
    for window in windows:
        end = window.end or times[-1] + HOUR
        assert any(time < window.validation_start for time in times)
        assert any(window.validation_start <= time < window.test_start for time in times)
        assert any(window.test_start <= time < end for time in times)
    for earlier, later in itertools.pairwise(windows):
        assert earlier.end == later.test_start
    assert windows[-1].end is None


@pytest.mark.parametrize(
    ("times", "shares", "rule"),
    [
        (HOURLY, [0.5, 0.4], "shares rise"),
        (HOURLY, [0.5, 0.5], "shares rise"),
        (HOURLY, [0.0, 0.5], "shares rise"),
        (HOURLY, [0.5, 1.0], "shares rise"),
        (HOURLY, [1.5], "shares rise"),
        (HOURLY[:1], [0.8], "different moments"),
        (HOURLY, [0.3], "something lies before a validation window"),
        ([START] * 50 + HOURLY[1:51], [0.3, 0.4, 0.8], "different moments"),
    ],
)
def test_senseless_origins_are_refused(
    times: list[datetime], shares: list[float], rule: str
) -> None:
    with pytest.raises(UserError, match=rule):
        roll_windows(times, shares)


def test_a_window_becomes_settings_and_leaves_the_others_alone() -> None:
    settings = shipped("split.origins=3")
    first, last = roll_windows(HOURLY, [0.6, 0.8])
    assert settings_at(settings, first)["split"] == settings["split"] | {
        "validation_start": "2024-01-02T16:00:00+00:00",
        "test_start": "2024-01-03T12:00:00+00:00",
        "end": "2024-01-04T08:00:00+00:00",
    }
    assert settings_at(settings, last)["split"]["end"] is None
    assert settings["split"]["test_start"] is None
    assert settings_at(settings, last)["planner"] == settings["planner"]


@pytest.mark.parametrize("name", ["validation_start", "test_start", "end"])
def test_borders_given_twice_are_refused(name: str) -> None:
    window = roll_windows(HOURLY, [0.8])[0]
    with pytest.raises(UserError, match=f"split.{name}"):
        settings_at(shipped(f"split.{name}=2024-01-02"), window)


def test_the_shares_are_of_the_data_that_the_settings_name(tmp_path: Path) -> None:
    items, log = logs()
    write_logs(tmp_path / "raw", items, log)
    settings = shipped("dataset.source=files", f"dataset.path={tmp_path / 'raw'}")
    settings["split"]["origins"] = 1
    half, late = roll(settings, [0.5, 0.8], tmp_path)
    times = sorted(log["timestamp"].to_list())
    assert half["split"]["test_start"][:10] == times[15][:10]
    assert half["split"]["end"] == late["split"]["test_start"]
    assert late["split"]["test_start"][:10] == times[24][:10]
    assert roll(settings, None, tmp_path) == [settings]
