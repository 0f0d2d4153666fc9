"""Where time is cut: what is fitted on, and the rolling origins of validation and test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from pydantic import Field, TypeAdapter, ValidationError, field_validator, model_validator

from expectations.contracts.durable import SCHEMA, schema_of
from expectations.contracts.errors import UserError
from training.config import Config

MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WHERE = "params.yaml, section split"
TIMELINE_SCHEMA = 2
"""1 was the same without the field."""


class SplitConfig(Config):
    """How the time axis is cut.

    Args:
        validation_start: ISO time (UTC unless it says otherwise) of the first validation
            interaction; ``None`` takes it from ``validation_share``.
        test_start: the same for the first test interaction.
        validation_share: share of all interactions that lie in the validation period.
        test_share: share of all interactions that lie in the test period.
        origins: rolling test origins; the windows between them hold equal numbers of interactions.
        validation_origins: the same for the validation period.
        end: ISO time from which on interactions are left out, to see what would have been built
            then; ``None`` keeps all. Shares are of what remains.
    """

    validation_start: str | None = None
    test_start: str | None = None
    validation_share: float = Field(default=0.1, gt=0, lt=1)
    test_share: float = Field(default=0.1, gt=0, lt=1)
    origins: int = Field(default=2, ge=1)
    validation_origins: int = Field(default=1, ge=1)
    end: str | None = None

    @field_validator("validation_start", "test_start", "end")
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

    validation_origins: tuple[datetime, ...]
    test_origins: tuple[datetime, ...]
    end: datetime

    @property
    def fit_until(self) -> datetime:
        """Tree, popularity and baselines see interactions strictly before this time."""
        return self.test_origins[0]

    @property
    def train_until(self) -> datetime:
        """The planner's training labels lie strictly before this time."""
        return self.validation_origins[0]

    def origins(self) -> list[tuple[str, datetime, datetime]]:
        """Return (split, origin, window end) of every evaluation origin, oldest first."""
        starts = (*self.validation_origins, *self.test_origins)
        splits = ["validation"] * len(self.validation_origins) + ["test"] * len(self.test_origins)
        return list(zip(splits, starts, (*starts[1:], self.end), strict=True))

    def to_json(self) -> dict[str, object]:
        """Return the timeline as plain JSON values."""
        return {
            SCHEMA: TIMELINE_SCHEMA,
            "validation_origins": [origin.isoformat() for origin in self.validation_origins],
            "test_origins": [origin.isoformat() for origin in self.test_origins],
            "end": self.end.isoformat(),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, object]) -> Timeline:
        """Return the timeline that :meth:`to_json` wrote.

        Raises:
            UserError: something is missing, or the schema is a later one.
        """
        schema_of(content, TIMELINE_SCHEMA, "the timeline")
        try:
            texts = TypeAdapter(_TimelineTexts).validate_python(content)
        except ValidationError as error:
            rule = "it says where validation and test begin and end"
            remedy = "run the stage ingest again (dvc repro)"
            absent = f"no {error.errors()[0]['loc'][0]}"
            raise UserError("the timeline", rule, remedy, absent) from None
        return cls(
            validation_origins=tuple(map(_parse_time, texts.validation_origins)),
            test_origins=tuple(map(_parse_time, texts.test_origins)),
            end=_parse_time(texts.end),
        )


@dataclass(frozen=True)
class _TimelineTexts:
    """A timeline as JSON holds it: times in ISO form."""

    validation_origins: list[str]
    test_origins: list[str]
    end: str


def drop_later(interactions: pl.DataFrame, config: SplitConfig) -> pl.DataFrame:
    """Return the interactions (column ``timestamp``) before ``config.end``, in their order.

    Raises:
        UserError: there are none.
    """
    if config.end is None:
        return interactions
    earlier = interactions.filter(pl.col("timestamp") < _parse_time(config.end))
    if earlier.is_empty():
        remedy = "choose a later split.end, or null"
        raise UserError(WHERE, "interactions lie before split.end", remedy, config.end)
    return earlier


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
    end = int(times[-1]) + 1
    validation = _rolling(times, validation_start, test_start, config.validation_origins)
    test = _rolling(times, test_start, end, config.origins)
    _require_interactions_between(times, [int(times[0]), *validation, *test, end])
    return Timeline(
        tuple(map(_to_moment, validation)), tuple(map(_to_moment, test)), _to_moment(end)
    )


def _sorted_microseconds(interactions: pl.LazyFrame) -> np.ndarray:
    column = pl.col("timestamp").dt.epoch("us")
    times = interactions.select(column).collect(engine="streaming")["timestamp"].to_numpy()
    return np.sort(times)


def _at_share(times: np.ndarray, share: float) -> int:
    index = min(max(round(share * times.size), 0), times.size - 1)
    return int(times[index])


def _rolling(times: np.ndarray, start: int, end: int, origins: int) -> list[int]:
    """Return ``start`` and the origins after it that cut what lies before ``end`` evenly."""
    first, last = np.searchsorted(times, [start, end]).tolist()
    indices = [first + (last - first) * step // origins for step in range(1, origins)]
    return [start, *(int(times[min(index, times.size - 1)]) for index in indices)]


def _require_interactions_between(times: np.ndarray, cuts: list[int]) -> None:
    indices = np.searchsorted(times, np.array(cuts))
    if np.any(np.diff(indices) <= 0):
        shown = ", ".join(_to_moment(cut).isoformat() for cut in cuts)
        raise UserError(
            WHERE,
            "interactions lie before validation, and in every window of validation and of the test",
            "choose other shares or times, fewer origins, or bring data with more distinct times",
            shown,
        )


def _parse_time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _to_moment(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND
