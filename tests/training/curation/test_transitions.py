"""Labels are first positive touches with a past; cases hold all that is new in a window."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worlds.curation import Event, any_event, at, clustered, state_of
from training.curation.cases import mine_cases, mine_item_cases
from training.curation.timeline import MICROSECOND, Timeline
from training.curation.transitions import mine_transitions, to_transitions

TIMELINE = Timeline((at(8),), (at(12), at(16)), at(20) + MICROSECOND)

events_lists = st.lists(
    any_event(["a", "b", "c"], seconds=21, clusters=7),
    min_size=1,
    max_size=50,
    unique_by=lambda e: (e.user, e.second, e.cluster),
)


def labels_of(events: list[Event]) -> list[tuple[str, str, int, int]]:
    """Mined labels as (split, user, second of the label, target)."""
    frame = mine_transitions(clustered(events), TIMELINE)
    return [
        (row["split"], row["user_id"], second_of(row["event_timestamp"]), row["target_cluster"])
        for row in frame.to_dicts()
    ]


def second_of(moment: object) -> int:
    """The second after which the entity timestamp lies one microsecond."""
    return int((moment + MICROSECOND - at(0)).total_seconds())  # type: ignore[operator]


@settings(max_examples=150, deadline=None)
@given(events_lists)
def test_labels_are_those_of_the_reference(events: list[Event]) -> None:
    expected = set()
    for event in events:
        history, consumed = state_of(events, event.user, event.second - 1, 99)
        is_label = event.positive and event.cluster not in consumed and history
        if is_label and event.second < 12:
            split = "train" if event.second < 8 else "validation"
            expected.add((split, event.user, event.second, event.cluster))
    found = labels_of(events)
    assert set(found) == expected
    assert len(found) == len(expected)


@settings(max_examples=100, deadline=None)
@given(events_lists)
def test_labels_carry_the_state_to_compare_with(events: list[Event]) -> None:
    for row in mine_transitions(clustered(events), TIMELINE).to_dicts():
        second = second_of(row["event_timestamp"])
        history, consumed = state_of(events, row["user_id"], second - 1, 99)
        assert row["n_consumed"] == len(consumed)
        assert row["newest_cluster"] == history[0]


def test_a_tie_gives_no_history_to_itself() -> None:
    assert labels_of([Event("a", 1, 0), Event("a", 1, 1)]) == []
    events = [Event("a", 1, 0), Event("a", 2, 1), Event("a", 2, 2)]
    assert labels_of(events) == [("train", "a", 2, 1), ("train", "a", 2, 2)]


def test_a_disliked_first_contact_spoils_the_cluster() -> None:
    events = [Event("a", 1, 0), Event("a", 2, 1, positive=False), Event("a", 3, 1)]
    assert labels_of(events) == []


def test_context_is_the_newest_two_in_ascending_order() -> None:
    labels = pl.DataFrame(
        {
            "split": ["train", "train"],
            "user_id": ["a", "b"],
            "event_timestamp": [at(1), at(2)],
            "history_clusters": [[5, 2, 9], [4]],
            "consumed_clusters": [[9, 2, 5], [4, 7]],
            "target_cluster": [1, 1],
        }
    )
    assert to_transitions(labels)["context"].to_list() == [[2, 5], [4]]


@settings(max_examples=100, deadline=None)
@given(events_lists)
def test_cases_are_those_of_the_reference(events: list[Event]) -> None:
    expected = {}
    for _, origin, end in TIMELINE.origins():
        start, stop = second_of(origin), (second_of(end) if end != TIMELINE.end else 21)
        for user in {e.user for e in events}:
            history, consumed = state_of(events, user, start - 1, 99)
            new = {
                e.cluster
                for e in events
                if e.user == user and start <= e.second < stop and e.positive
            } - set(consumed)
            if history and new:
                expected[origin, user] = new
    found = mine_cases(clustered(events), TIMELINE)
    assert {(r["origin"], r["user_id"]): set(r["positives"]) for r in found.to_dicts()} == expected
    assert all(r["event_timestamp"] == r["origin"] - MICROSECOND for r in found.to_dicts())


def test_positives_stand_in_the_order_they_were_liked() -> None:
    events = [
        Event("a", 1, 0),
        Event("a", 13, 6),
        Event("a", 14, 2),
        Event("a", 14, 1),
        Event("a", 15, 6),
        Event("a", 15, 0),
    ]
    (case,) = mine_cases(clustered(events), TIMELINE).to_dicts()
    assert case["positives"] == [6, 1, 2]
    assert (case["split"], case["origin"]) == ("test", at(12))


def test_item_cases_hold_unseen_items_of_known_clusters_too() -> None:
    events = [
        Event("a", 1, 0, item="x"),
        Event("a", 2, 0, positive=False, item="y"),
        Event("a", 13, 0, item="z"),
        Event("a", 14, 0, item="x"),
        Event("a", 14, 0, item="y"),
        Event("future", 14, 0, item="x"),
    ]
    (case,) = mine_item_cases(clustered(events), TIMELINE).to_dicts()
    assert (case["user_id"], case["positives"]) == ("a", ["z"])
