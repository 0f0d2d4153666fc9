"""Adds a user's live events to what the batch knows: the ONE way in which both become a history."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TypeVar

from expectations.contracts.values import DataSeen
from inference.events.event import ItemEvent, RecordedEvent, to_microseconds
from inference.features.online_features import UserFeatures
from training.clusters.tree_view import ServingClusters

ValueT = TypeVar("ValueT")


@dataclass(frozen=True)
class _Touch:
    """A live event as a release sees it; ``cluster`` is ``None`` for an item it does not know."""

    item_id: str
    time_us: int
    is_positive: bool
    cluster: int | None


def merge_live(
    batch: UserFeatures | None,
    events: Sequence[RecordedEvent],
    clusters: ServingClusters,
    seen: DataSeen,
) -> UserFeatures | None:
    """Return a user's features as if the data had held these events too.

    Events that the data holds already are left out. Those after its end come before everything
    of the batch, by time; events of one time are one set, ascending by id, as in the batch. A
    late event, from before the data's end but not in it, cannot be placed among rows that carry
    no times: what it touched stands behind what the batch knows.

    Args:
        batch: what the release's rows say; ``None`` for a user without rows.
        events: rows of the live view, any order.
        clusters: the release's items. An item unknown there has no cluster; it still counts as
            consumed.
        seen: what the release's data holds.

    Returns:
        ``None`` where neither batch nor events know the user.
    """
    unseen = {
        recorded.event.event_id: recorded.event
        for recorded in events
        if recorded.recorded_at_us > seen.events_until_us
    }
    if not unseen:
        return batch
    known = batch or UserFeatures((), (), (), ())
    touches = [_see(event, clusters, seen) for event in unseen.values()]
    end_us = to_microseconds(seen.end)
    fresh = [touch for touch in touches if touch.time_us >= end_us]
    late = [touch for touch in touches if touch.time_us < end_us]
    liked_fresh, liked_late = _liked(fresh), _liked(late)
    return UserFeatures(
        history_clusters=_distinct(
            _clusters_newest_first(liked_fresh),
            known.history_clusters,
            _clusters_newest_first(liked_late),
        ),
        consumed_clusters=_distinct(
            known.consumed_clusters, _clusters_oldest_first(late), _clusters_oldest_first(fresh)
        ),
        recent_items=_distinct(
            _items_newest_first(_in_catalogue(liked_fresh)),
            known.recent_items,
            _items_newest_first(_in_catalogue(liked_late)),
        ),
        consumed_items=_distinct(
            _items_newest_first(fresh), known.consumed_items, _items_newest_first(late)
        ),
    )


def _see(event: ItemEvent, clusters: ServingClusters, seen: DataSeen) -> _Touch:
    is_known = clusters.has_item(event.item_id)
    return _Touch(
        item_id=event.item_id,
        time_us=event.time_us,
        is_positive=seen.is_positive(event.feedback),
        cluster=int(clusters.clusters_of([event.item_id])[0]) if is_known else None,
    )


def _liked(touches: Iterable[_Touch]) -> list[_Touch]:
    return [touch for touch in touches if touch.is_positive]


def _in_catalogue(touches: Iterable[_Touch]) -> list[_Touch]:
    return [touch for touch in touches if touch.cluster is not None]


def _clusters_newest_first(touches: Iterable[_Touch]) -> list[int]:
    return _clusters_by_moment(touches, newest_first=True)


def _clusters_oldest_first(touches: Iterable[_Touch]) -> list[int]:
    return _clusters_by_moment(touches, newest_first=False)


def _clusters_by_moment(touches: Iterable[_Touch], *, newest_first: bool) -> list[int]:
    by_time = attrgetter("time_us")
    ordered = sorted(touches, key=by_time, reverse=newest_first)
    return [
        cluster
        for _, moment in groupby(ordered, key=by_time)
        for cluster in sorted({touch.cluster for touch in moment if touch.cluster is not None})
    ]


def _items_newest_first(touches: Iterable[_Touch]) -> list[str]:
    ordered = sorted(touches, key=lambda touch: (-touch.time_us, touch.item_id))
    return [touch.item_id for touch in ordered]


def _distinct(*parts: Iterable[ValueT]) -> tuple[ValueT, ...]:
    """Return the parts one after the other, each value once, where it stands first."""
    return tuple(dict.fromkeys(value for part in parts for value in part))
