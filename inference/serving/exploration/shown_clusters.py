"""Which planned clusters a person was shown lately, and which of them therefore rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from inference.plans.combine import PlannedCluster
from inference.serving.exploration.shown_store import (
    US_PER_DAY,
    Shown,
    ShownInFile,
    ShownInMemory,
    ShownStore,
)


class ShownClusters:
    """How often each planned cluster was shown to whom lately.

    Args:
        rest_after: answers that showed a cluster before it rests.
        rest_days: for how long it does.
        store: where it is kept.
    """

    def __init__(self, rest_after: int, rest_days: float, store: ShownStore) -> None:
        self._rest_after, self._rest_us = rest_after, rest_days * US_PER_DAY
        self._store = store

    def note(
        self, user_id: str, clusters: Iterable[int], now_us: int, name: Callable[[int], str] = str
    ) -> None:
        """Note that an answer shows items of these planned clusters.

        Args:
            user_id: whom it is for.
            clusters: of the explored items.
            now_us: the time it is, in microseconds since 1970.
            name: of a cluster, which outlives the release that its id belongs to.
        """
        shown = {name(cluster) for cluster in clusters}
        if not shown:
            return

        def count(counts: Shown) -> Shown:
            kept = {
                cluster: found
                for cluster, found in counts.items()
                if not self._is_long_ago(found[1], now_us)
            }
            return kept | {c: (kept.get(c, (0, now_us))[0] + 1, now_us) for c in sorted(shown)}

        self._store.change(user_id, count, now_us)

    def rest(
        self,
        user_id: str,
        plan: Sequence[PlannedCluster],
        now_us: int,
        name: Callable[[int], str] = str,
    ) -> tuple[PlannedCluster, ...]:
        """Return the plan with those clusters behind the others that were shown often enough."""
        resting = {
            cluster
            for cluster, (count, last_us) in self._store.read(user_id).items()
            if count >= self._rest_after and not self._is_long_ago(last_us, now_us)
        }
        if not resting:
            return tuple(plan)
        return tuple(sorted(plan, key=lambda planned: name(planned.cluster_id) in resting))

    def _is_long_ago(self, last_us: int, now_us: int) -> bool:
        return now_us - last_us > self._rest_us


def open_shown(
    rest_after: int, rest_days: float, remembered_users: int, file: str
) -> ShownClusters:
    """Return what remembers shown clusters.

    Args:
        rest_after: answers that showed a cluster before it rests.
        rest_days: for how long it does.
        remembered_users: people who are remembered; with none, nothing ever rests.
        file: that all processes share; empty, this one remembers for itself.
    """
    store: ShownStore = ShownInMemory(remembered_users)
    if file and remembered_users:
        store = ShownInFile(Path(file), remembered_users, rest_days)
    return ShownClusters(rest_after, rest_days, store)
