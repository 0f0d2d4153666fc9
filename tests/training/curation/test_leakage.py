"""Every guard against leakage trips on the leak it is for."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from expectations.contracts.errors import GateError
from tests.worlds.curation import at
from training.curation.leakage import check_cases, check_item_cases, check_transitions

LABEL = {
    "user_id": "a",
    "event_timestamp": at(5),
    "target_cluster": 3,
    "n_consumed": 3,
    "newest_cluster": 1,
    "history_clusters": [1, 0],
    "consumed_clusters": [0, 1, 2],
}
CASE = {
    "user_id": "a",
    "event_timestamp": at(5),
    "history_clusters": [1, 0],
    "consumed_clusters": [0, 1, 2],
    "positives": [3, 4],
}
ITEM_CASE = {
    "user_id": "a",
    "event_timestamp": at(5),
    "recent_items": ["x"],
    "consumed_items": ["y", "x"],
    "positives": ["z"],
}


def frame(row: dict[str, Any], **changed: Any) -> pl.DataFrame:
    """One row with some values changed."""
    schema = {name: pl.List(pl.Int64) for name in row if name.endswith("clusters")}
    return pl.DataFrame([{**row, **changed}], schema_overrides=schema)


def test_sound_rows_pass() -> None:
    check_transitions(frame(LABEL))
    check_cases(frame(CASE))
    check_item_cases(frame(ITEM_CASE))


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"history_clusters": None}, "has history"),
        ({"history_clusters": []}, "has history"),
        ({"history_clusters": [1, 1]}, "history clusters are distinct"),
        ({"consumed_clusters": [0, 1, 1, 2]}, "consumed clusters are distinct"),
        ({"history_clusters": [1, 7]}, "among the consumed"),
        ({"consumed_clusters": [0, 1, 3]}, "no target"),
        ({"consumed_clusters": [0, 1, 2, 5]}, "as many clusters"),
        ({"consumed_clusters": [0, 1]}, "as many clusters"),
        ({"history_clusters": [0, 1]}, "newest first"),
    ],
)
def test_a_leaking_label_is_refused(changed: dict[str, Any], rule: str) -> None:
    with pytest.raises(GateError, match=rule):
        check_transitions(frame(LABEL, **changed))


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"history_clusters": None}, "has history"),
        ({"consumed_clusters": [0, 1, 4]}, "no positive"),
    ],
)
def test_a_leaking_case_is_refused(changed: dict[str, Any], rule: str) -> None:
    with pytest.raises(GateError, match=rule):
        check_cases(frame(CASE, **changed))


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"recent_items": []}, "has a history"),
        ({"recent_items": ["x", "x"]}, "distinct"),
        ({"consumed_items": ["x", "z"]}, "no positive"),
    ],
)
def test_a_leaking_item_case_is_refused(changed: dict[str, Any], rule: str) -> None:
    schema = {"recent_items": pl.List(pl.String)}
    with pytest.raises(GateError, match=rule):
        check_item_cases(pl.DataFrame([{**ITEM_CASE, **changed}], schema_overrides=schema))


def test_the_message_names_who_and_when() -> None:
    with pytest.raises(GateError, match=r"1 of 1 rows: a at 2024-01-01T00:00:05"):
        check_cases(frame(CASE, consumed_clusters=[0, 1, 4]))
