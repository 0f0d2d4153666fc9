"""Histories agree with a slow obvious reference, treat ties as one set, and see no future."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.contracts.checks import check_table
from expectations.contracts.errors import UserError
from expectations.contracts.tables import USER_CLUSTER_HISTORY, USER_ITEM_HISTORY
from pipelines.io.artefact_io import to_arrow
from tests.worlds.curation import (
    Event,
    any_event,
    at,
    clustered,
    interactions_of,
    item_clusters_of,
    state_of,
)
from training.curation.config import HistoryConfig
from training.curation.histories import cluster_history_rows
from training.curation.item_histories import item_history_rows, snapshot_times
from training.curation.timeline import MICROSECOND, Timeline
from training.curation.user_chunks import clustered_chunks, split_users

WIDTH = 3
CONFIG = HistoryConfig(max_clusters=WIDTH, max_items=2, max_consumed_items=3)

events_lists = st.lists(
    any_event(["a", "b", "ü"], seconds=13, clusters=6),
    min_size=1,
    max_size=40,
    unique_by=lambda e: (e.user, e.second, e.cluster),
)


def rows_of(events: list[Event]) -> list[tuple[str, int, list[int], list[int]]]:
    """The history rows as (user, second, history, consumed)."""
    frame = cluster_history_rows(clustered(events), CONFIG)
    check_table(to_arrow(frame, USER_CLUSTER_HISTORY), USER_CLUSTER_HISTORY)
    return [
        (user, int((moment - at(0)).total_seconds()), history, consumed)
        for _, user, moment, history, consumed in frame.rows()
    ]


@settings(max_examples=150, deadline=None)
@given(events_lists)
def test_rows_are_exactly_the_changes_of_the_reference(events: list[Event]) -> None:
    expected = []
    for user in sorted({e.user for e in events}):
        last: tuple[list[int], list[int]] = ([], [])
        for second in sorted({e.second for e in events if e.user == user}):
            state = state_of(events, user, second, WIDTH)
            if state != last:
                expected.append((user, second, *state))
            last = state
    assert rows_of(events) == expected


@settings(max_examples=50, deadline=None)
@given(events_lists, st.integers(0, 12))
def test_what_comes_later_changes_no_earlier_row(events: list[Event], cut: int) -> None:
    past = [e for e in events if e.second <= cut]
    if past:
        assert rows_of(past) == [row for row in rows_of(events) if row[1] <= cut]


def test_a_tie_is_one_set_in_ascending_order() -> None:
    events = [Event("a", 1, 4), Event("a", 1, 2), Event("a", 1, 3, positive=False)]
    assert rows_of(events) == [("a", 1, [2, 4], [2, 3, 4])]


def test_a_cluster_liked_again_moves_to_the_front() -> None:
    events = [Event("a", 1, 0), Event("a", 2, 1), Event("a", 3, 0)]
    assert rows_of(events)[-1] == ("a", 3, [0, 1], [0, 1])


def test_history_is_capped_but_consumption_is_not() -> None:
    events = [Event("a", second, second) for second in range(5)]
    assert rows_of(events)[-1] == ("a", 4, [4, 3, 2], [0, 1, 2, 3, 4])


def test_nothing_liked_leaves_consumption_alone() -> None:
    events = [Event("a", 1, 0, positive=False), Event("b", 1, 0)]
    assert rows_of(events) == [("a", 1, [], [0]), ("b", 1, [0], [0])]


def test_an_unchanged_state_gives_no_row() -> None:
    events = [Event("a", 1, 0), Event("a", 2, 0), Event("a", 3, 0, positive=False)]
    assert rows_of(events) == [("a", 1, [0], [0])]


def test_chunks_give_the_rows_of_the_whole() -> None:
    events = [Event(f"u{n % 7}", n, (n * n) % 5, n % 3 > 0) for n in range(60)]
    whole = cluster_history_rows(clustered(events), CONFIG)
    pieces = clustered_chunks(interactions_of(events).lazy(), item_clusters_of(events), 10)
    parts = [cluster_history_rows(piece, CONFIG) for piece in pieces]
    assert len(parts) == 7
    assert pl.concat(parts).equals(whole)


def test_user_ranges_cover_everyone_once() -> None:
    events = [Event(f"u{n % 7}", n, 0) for n in range(60)]
    ranges = split_users(interactions_of(events).lazy(), 20)
    assert [(r.first, r.last) for r in ranges] == [
        ("u0", "u1"),
        ("u2", "u3"),
        ("u4", "u5"),
        ("u6", "u6"),
    ]
    assert sum(r.n_interactions for r in ranges) == 60


def test_an_item_without_a_cluster_is_refused() -> None:
    events = [Event("a", 1, 0), Event("a", 2, 1, item="stray")]
    known = item_clusters_of(events[:1])
    with pytest.raises(UserError, match=r"every item has a cluster.*stray"):
        list(clustered_chunks(interactions_of(events).lazy(), known, 100))


TIMELINE = Timeline((at(10),), (at(20),), at(30) + MICROSECOND)


def item_rows(events: list[Event]) -> dict[tuple[str, int], tuple[list[str], list[str]]]:
    """Item histories by (user, second of the snapshot time)."""
    frame = item_history_rows(clustered(events), snapshot_times(TIMELINE), CONFIG)
    check_table(to_arrow(frame, USER_ITEM_HISTORY), USER_ITEM_HISTORY)
    return {
        (user, int((moment + MICROSECOND - at(0)).total_seconds())): (recent, consumed)
        for _, user, moment, recent, consumed in frame.rows()
    }


def test_a_snapshot_holds_what_lies_strictly_before_it() -> None:
    events = [
        Event("a", 1, 0, item="x"),
        Event("a", 10, 0, item="y"),
        Event("a", 30, 0, positive=False, item="z"),
        Event("late", 30, 0, item="x"),
    ]
    assert item_rows(events) == {
        ("a", 10): (["x"], ["x"]),
        ("a", 20): (["y", "x"], ["y", "x"]),
        ("a", 30): (["y", "x"], ["z", "y", "x"]),
        ("late", 30): (["x"], ["x"]),
    }


def test_items_are_distinct_newest_first_and_capped() -> None:
    events = [
        *(Event("a", n, 0, item=name) for n, name in enumerate("pqrsp")),
        Event("b", 1, 0, positive=False, item="p"),
    ]
    rows = item_rows(events)
    assert rows["a", 10] == (["p", "s"], ["p", "s", "r"])
    assert rows["b", 10] == ([], ["p"])


def test_items_of_one_moment_stand_in_ascending_order() -> None:
    events = [Event("a", 1, 0, item=name) for name in ("q", "p", "r")]
    assert item_rows(events)["a", 10] == (["p", "q"], ["p", "q", "r"])
