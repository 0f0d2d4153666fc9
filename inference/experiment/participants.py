"""What the system knows of a participant, and how it changes with what is consumed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl


@dataclass(frozen=True)
class Participant:
    """The state that a request reads: the same that the online store would hold.

    Attributes:
        user_id: who it is.
        recent_items: of positive interactions, newest first.
        excluded_items: consumed before or shown in the experiment: not shown again.
        history_clusters: of positive interactions, distinct, newest first.
        consumed_clusters: of any interaction.
    """

    user_id: str
    recent_items: tuple[str, ...]
    excluded_items: frozenset[str]
    history_clusters: tuple[int, ...]
    consumed_clusters: frozenset[int]

    @property
    def known_clusters(self) -> frozenset[int]:
        """Clusters that are no news: consumed, or in the history."""
        return self.consumed_clusters.union(self.history_clusters)

    def after(
        self,
        shown: Sequence[str],
        consumed: Sequence[tuple[str, bool]],
        cluster_of_item: Mapping[str, int],
    ) -> Participant:
        """Return the state after a request.

        Args:
            shown: all items of the answer.
            consumed: those consumed, in order, and whether they were liked.
            cluster_of_item: the serving cluster of every item.
        """
        recent, history = list(self.recent_items), list(self.history_clusters)
        touched = set(self.consumed_clusters)
        for item, is_positive in consumed:
            cluster = cluster_of_item[item]
            touched.add(cluster)
            if is_positive:
                recent.insert(0, item)
                history = [cluster, *(other for other in history if other != cluster)]
        return replace(
            self,
            recent_items=tuple(recent),
            excluded_items=self.excluded_items.union(shown),
            history_clusters=tuple(history),
            consumed_clusters=frozenset(touched),
        )


def assemble_participants(
    cluster_histories: pl.DataFrame, item_histories: pl.DataFrame
) -> list[Participant]:
    """Return one participant per user of both frames, by user id, each in its newest state.

    Args:
        cluster_histories: rows of USER_CLUSTER_HISTORY.
        item_histories: rows of USER_ITEM_HISTORY.
    """
    states = _newest(cluster_histories).join(_newest(item_histories), on="user_id").sort("user_id")
    columns = (
        "user_id",
        "recent_items",
        "consumed_items",
        "history_clusters",
        "consumed_clusters",
    )
    return [
        Participant(user, tuple(recent), frozenset(consumed), tuple(history), frozenset(touched))
        for user, recent, consumed, history, touched in states.select(columns).iter_rows()
    ]


def _newest(rows: pl.DataFrame) -> pl.DataFrame:
    ordered = rows.sort("user_id", "event_timestamp")
    return ordered.unique("user_id", keep="last", maintain_order=True)
