"""The time axis is cut where the settings say, and never into an empty period."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from expectations.contracts.errors import UserError
from training.curation.timeline import SplitConfig, Timeline, drop_later, make_timeline

START = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hourly(count: int) -> pl.LazyFrame:
    """``count`` interactions, one an hour, newest first (the order must not matter)."""
    times = [START + index * HOUR for index in reversed(range(count))]
    return pl.LazyFrame({"timestamp": times}, schema={"timestamp": pl.Datetime("us", "UTC")})


def test_shares_become_periods_of_that_many_interactions() -> None:
    timeline = make_timeline(hourly(100), SplitConfig())
    assert timeline.validation_origins == (START + 80 * HOUR,)
    assert timeline.test_origins == (START + 90 * HOUR, START + 95 * HOUR)
    assert timeline.end == START + 99 * HOUR + timedelta(microseconds=1)
    assert timeline.fit_until == START + 90 * HOUR
    assert timeline.train_until == START + 80 * HOUR


def test_windows_follow_on_from_each_other() -> None:
    timeline = make_timeline(hourly(100), SplitConfig(origins=3, validation_origins=2))
    origins = timeline.origins()
    assert [split for split, _, _ in origins] == ["validation"] * 2 + ["test"] * 3
    for (_, _, window_end), (_, origin, _) in itertools.pairwise(origins):
        assert window_end == origin
    assert origins[-1][2] == timeline.end


def test_given_times_win_over_shares() -> None:
    config = SplitConfig(validation_start="2024-01-02", test_start="2024-01-03T02:00:00+02:00")
    timeline = make_timeline(hourly(100), config)
    assert timeline.train_until == datetime(2024, 1, 2, tzinfo=UTC)
    assert timeline.test_origins[0] == datetime(2024, 1, 3, tzinfo=UTC)


def test_validation_keeps_its_share_before_a_given_test_start() -> None:
    timeline = make_timeline(hourly(100), SplitConfig(test_start="2024-01-03"))
    assert timeline.train_until == START + 38 * HOUR


def test_a_validation_period_is_cut_evenly() -> None:
    timeline = make_timeline(hourly(100), SplitConfig(validation_share=0.2, validation_origins=4))
    assert timeline.validation_origins == tuple(START + (70 + 5 * step) * HOUR for step in range(4))
    assert timeline.train_until == START + 70 * HOUR
    assert timeline.fit_until == START + 90 * HOUR


def test_nothing_is_left_from_the_end_on() -> None:
    log = hourly(100).collect()
    kept = drop_later(log, SplitConfig(end="2024-01-03"))
    assert kept.equals(log.filter(pl.col("timestamp") < datetime(2024, 1, 3, tzinfo=UTC)))
    assert (kept.height, kept["timestamp"].max()) == (48, START + 47 * HOUR)
    timeline = make_timeline(kept.lazy(), SplitConfig(end="2024-01-03"))
    assert timeline.end == START + 47 * HOUR + timedelta(microseconds=1)
    assert timeline.fit_until == START + 43 * HOUR  # a tenth of what is left
    assert drop_later(log, SplitConfig()).equals(log)


def test_an_end_before_everything_is_refused() -> None:
    with pytest.raises(UserError, match=r"split\.end.*2024-01-01"):
        drop_later(hourly(100).collect(), SplitConfig(end="2024-01-01"))


def test_survives_the_way_through_json() -> None:
    timeline = make_timeline(hourly(50), SplitConfig(origins=3, validation_origins=2))
    assert Timeline.from_json(timeline.to_json()) == timeline


def test_one_of_an_earlier_version_is_refused() -> None:
    content = make_timeline(hourly(50), SplitConfig()).to_json()
    del content["validation_origins"]
    with pytest.raises(UserError, match=r"no validation_origins.*stage ingest"):
        Timeline.from_json(content)


@pytest.mark.parametrize(
    ("count", "config"),
    [
        (1, SplitConfig()),
        (3, SplitConfig(origins=5)),
        (30, SplitConfig(validation_origins=5)),
        (100, SplitConfig(validation_start="2025-01-01")),
        (100, SplitConfig(test_start="2023-01-01")),
        (100, SplitConfig(validation_start="2024-01-03", test_start="2024-01-02")),
        (100, SplitConfig(validation_start="2024-01-03T01:10", test_start="2024-01-03T01:50")),
    ],
)
def test_an_empty_period_is_refused(count: int, config: SplitConfig) -> None:
    with pytest.raises(UserError, match="section split"):
        make_timeline(hourly(count), config)


def test_one_instant_for_all_is_refused() -> None:
    frame = pl.LazyFrame(
        {"timestamp": [START] * 50}, schema={"timestamp": pl.Datetime("us", "UTC")}
    )
    with pytest.raises(UserError, match="distinct times"):
        make_timeline(frame, SplitConfig())


def test_no_interactions_are_refused() -> None:
    with pytest.raises(UserError, match="has rows"):
        make_timeline(hourly(0), SplitConfig())


@pytest.mark.parametrize(
    "bad",
    [
        {"test_start": "soon"},
        {"end": "never"},
        {"origins": 0},
        {"validation_origins": 0},
        {"test_share": 0.5, "validation_share": 0.5},
    ],
)
def test_senseless_settings_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SplitConfig.model_validate(bad)


@given(
    st.lists(st.integers(0, 10_000), min_size=1, max_size=60), st.integers(1, 3), st.integers(1, 3)
)
def test_every_window_holds_interactions_or_the_cut_is_refused(
    seconds: list[int], origins: int, validation_origins: int
) -> None:
    times = [START + timedelta(seconds=second) for second in seconds]
    frame = pl.LazyFrame({"timestamp": times}, schema={"timestamp": pl.Datetime("us", "UTC")})
    try:
        config = SplitConfig(origins=origins, validation_origins=validation_origins)
        timeline = make_timeline(frame, config)
    except UserError:
        return
    assert any(time < timeline.train_until for time in times)
    for _, origin, window_end in timeline.origins():
        assert any(origin <= time < window_end for time in times)
