"""Where time is cut: what is fitted on, what is validated on, and the rolling test origins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from pydantic import Field, field_validator, model_validator

from expectations.contracts.errors import UserError
from training.config import Config

MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WHERE = "params.yaml, section split"


class SplitConfig(Config):
    """How the time axis is cut.

    Args:
        validation_start: ISO time (UTC unless it says otherwise) of the first validation
            interaction; ``None`` takes it from ``validation_share``.
        test_start: the same for the first test interaction.
        validation_share: share of all interactions that lie in the validation period.
        test_share: share of all interactions that lie in the test period.
        origins: rolling test origins; the windows between them hold equal numbers of interactions.
    """

    validation_start: str | None = None
    test_start: str | None = None
    validation_share: float = Field(default=0.1, gt=0, lt=1)
    test_share: float = Field(default=0.1, gt=0, lt=1)
    origins: int = Field(default=2, ge=1)

    @field_validator("validation_start", "test_start")
    @classmethod
    def _is_time(cls, value: str | None) -> str | None:
        if value is not None:
            _parse_time(value)
        return value

    @model_validator(mode="after")
    def _leaves_training(self) -> SplitConfig:
        if self.validation_share + self.test_share >= 1:
            raise ValueError("validation_share + test_share must stay below 1")
        return self


@dataclass(frozen=True)
class Timeline:
    """The cuts of one data set, in UTC.

    ``end`` is the last interaction plus one microsecond, so that every window is half-open.
    """

    validation_start: datetime
    test_origins: tuple[datetime, ...]
    end: datetime

    @property
    def fit_until(self) -> datetime:
        """Tree, popularity and baselines see interactions strictly before this time."""
        return self.test_origins[0]

    @property
    def train_until(self) -> datetime:
        """The planner's training labels lie strictly before this time."""
        return self.validation_start

    def origins(self) -> list[tuple[str, datetime, datetime]]:
        """Return (split, origin, window end) of every evaluation origin, oldest first."""
        starts = (self.validation_start, *self.test_origins)
        ends = (*self.test_origins, self.end)
        splits = ("validation", *("test" for _ in self.test_origins))
        return list(zip(splits, starts, ends, strict=True))

    def to_json(self) -> dict[str, Any]:
        """Return the timeline as plain JSON values."""
        return {
            "validation_start": self.validation_start.isoformat(),
            "test_origins": [origin.isoformat() for origin in self.test_origins],
            "end": self.end.isoformat(),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Timeline:
        """Return the timeline that :meth:`to_json` wrote."""
        return cls(
            validation_start=_parse_time(content["validation_start"]),
            test_origins=tuple(_parse_time(origin) for origin in content["test_origins"]),
            end=_parse_time(content["end"]),
        )


def make_timeline(interactions: pl.LazyFrame, config: SplitConfig) -> Timeline:
    """Cut the time axis of ``interactions`` (column ``timestamp``; any order).

    Raises:
        UserError: there are too few distinct times to keep every period from being empty.
    """
    times = _sorted_microseconds(interactions)
    if times.size == 0:
        raise UserError("interactions", "has rows", "look at what the source delivers")
    test_start = (
        _at_share(times, 1 - config.test_share)
        if config.test_start is None
        else _microseconds(_parse_time(config.test_start))
    )
    before_test = float(np.searchsorted(times, test_start) / times.size)
    validation_start = (
        _at_share(times, before_test - config.validation_share)
        if config.validation_start is None
        else _microseconds(_parse_time(config.validation_start))
    )
    cuts = [int(times[0]), validation_start, *_rolling(times, test_start, config.origins)]
    cuts.append(int(times[-1]) + 1)
    _require_interactions_between(times, cuts)
    moments = [EPOCH + timedelta(microseconds=cut) for cut in cuts[1:]]
    return Timeline(moments[0], tuple(moments[1:-1]), moments[-1])


def _sorted_microseconds(interactions: pl.LazyFrame) -> np.ndarray:
    column = pl.col("timestamp").dt.epoch("us")
    times = interactions.select(column).collect(engine="streaming")["timestamp"].to_numpy()
    return np.sort(times)


def _at_share(times: np.ndarray, share: float) -> int:
    place = min(max(round(share * times.size), 0), times.size - 1)
    return int(times[place])


def _rolling(times: np.ndarray, test_start: int, origins: int) -> list[int]:
    first = int(np.searchsorted(times, test_start))
    places = [first + (times.size - first) * step // origins for step in range(1, origins)]
    return [test_start, *(int(times[min(place, times.size - 1)]) for place in places)]


def _require_interactions_between(times: np.ndarray, cuts: list[int]) -> None:
    places = np.searchsorted(times, np.array(cuts))
    if np.any(np.diff(places) <= 0):
        shown = ", ".join((EPOCH + timedelta(microseconds=cut)).isoformat() for cut in cuts)
        raise UserError(
            WHERE,
            "interactions lie before validation, in it, and in every test window",
            "choose other shares or times, fewer origins, or bring data with more distinct times",
            shown,
        )


def _parse_time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND
