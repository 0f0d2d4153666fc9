"""Batch and live events together are the history that the batch alone would have made of both."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from expectations.contracts.values import DataSeen
from inference.events.event import ItemEvent, RecordedEvent, to_microseconds
from inference.features.live_history import merge_live
from inference.features.online_features import UserFeatures
from tests.worlds.curation import Event, at, clustered
from training.clusters.distance import climb
from training.clusters.tree_view import ServingClusters
from training.curation.config import HistoryConfig
from training.curation.histories import cluster_history_rows
from training.curation.item_histories import item_history_rows

N_CLUSTERS = 4
ITEMS = [(f"c{cluster}i{place}", cluster) for cluster in range(N_CLUSTERS) for place in range(2)]
CLUSTERS = ServingClusters(
    level=0,
    descriptions=tuple(f"kind {n}" for n in range(N_CLUSTERS)),
    shown=tuple(f"kind {n}" for n in range(N_CLUSTERS)),
    ancestors=climb([], N_CLUSTERS),
    item_ids=tuple(item for item, _ in ITEMS),
    cluster_of_item=np.array([cluster for _, cluster in ITEMS]),
)
END = 50
SEEN = DataSeen(at(END), 0, 4.0)
CONFIG = HistoryConfig(max_clusters=100, max_items=100, max_consumed_items=100)


def live(name: str, item: str, second: int, feedback: float | None = 5.0) -> RecordedEvent:
    time_us = to_microseconds(at(second))
    return RecordedEvent(ItemEvent(name, "u", item, time_us, feedback), 1 + second)


def histories_of(events: list[Event]) -> UserFeatures | None:
    """What the stage histories makes of these interactions."""
    if not events:
        return None
    rows = clustered(events)
    state = cluster_history_rows(rows, CONFIG).sort("event_timestamp").row(-1, named=True)
    end = at(1_000) + timedelta(microseconds=1)
    items = item_history_rows(rows, [end], CONFIG).row(0, named=True)
    return UserFeatures(
        tuple(state["history_clusters"]),
        tuple(state["consumed_clusters"]),
        tuple(items["recent_items"]),
        tuple(items["consumed_items"]),
    )


moments = st.tuples(st.integers(0, 99), st.sampled_from(ITEMS), st.booleans())


@given(st.lists(moments, max_size=14, unique_by=lambda m: (m[0], m[1][0])), st.randoms())
def test_what_lies_after_the_data_merges_to_the_offline_history(
    drawn: list[tuple[int, tuple[str, int], bool]], random: Random
) -> None:
    events = [Event("u", s, c, positive, item) for s, (item, c), positive in drawn]
    batch = [e for e in events if e.second < END]
    later = [
        live(f"e{n}", e.item, e.second, 4.0 if e.positive else 3.5)
        for n, e in enumerate(events)
        if e.second >= END
    ]
    random.shuffle(later)
    repeated = [*later, *later[:3]]
    assert merge_live(histories_of(batch), repeated, CLUSTERS, SEEN) == histories_of(events)


def test_events_the_data_holds_already_are_left_out() -> None:
    batch = UserFeatures((1,), (1,), ("c1i0",), ("c1i0",))
    seen = replace(SEEN, events_until_us=1 + 60)
    events = [live("b", "c2i0", 61), live("a", "c0i0", 60)]
    merged = merge_live(batch, events, CLUSTERS, seen)
    assert merged == UserFeatures((2, 1), (1, 2), ("c2i0", "c1i0"), ("c2i0", "c1i0"))
    assert merge_live(batch, events[1:], CLUSTERS, seen) is batch


def test_a_late_event_stands_behind_what_the_batch_knows() -> None:
    batch = UserFeatures((1,), (1, 3), ("c1i0",), ("c1i0", "c3i0"))
    events = [live("a", "c0i0", 70), live("b", "c2i0", 10), live("c", "c3i0", 20)]
    assert merge_live(batch, events, CLUSTERS, SEEN) == UserFeatures(
        (0, 1, 3, 2),
        (1, 3, 2, 0),
        ("c0i0", "c1i0", "c3i0", "c2i0"),
        ("c0i0", "c1i0", "c3i0", "c2i0"),
    )


def test_an_item_unknown_to_the_release_is_consumed_and_has_no_cluster() -> None:
    merged = merge_live(None, [live("a", "brand new", 70)], CLUSTERS, SEEN)
    assert merged == UserFeatures((), (), (), ("brand new",))


def test_feedback_counts_against_the_threshold_of_the_data() -> None:
    events = [live("a", "c0i0", 70, 3.9), live("b", "c1i0", 71, None), live("c", "c2i0", 72, 4.0)]
    merged = merge_live(None, events, CLUSTERS, SEEN)
    assert merged is not None
    assert (merged.history_clusters, merged.consumed_clusters) == ((2, 1), (0, 1, 2))
    without = merge_live(None, events, CLUSTERS, replace(SEEN, positive_threshold=None))
    assert without is not None
    assert without.history_clusters == (2, 1, 0)


def test_nobody_without_events_is_still_nobody() -> None:
    assert merge_live(None, [], CLUSTERS, SEEN) is None


def test_the_reference_is_the_stage_itself() -> None:
    found = histories_of([Event("u", 1, 2, True, "c2i0"), Event("u", 2, 1, False, "c1i0")])
    assert found == UserFeatures((2,), (2, 1), ("c2i0",), ("c1i0", "c2i0"))
