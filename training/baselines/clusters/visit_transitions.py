"""Transitions with all that was touched before them: what full-history baselines learn from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.baselines.clusters.visits import Visits

# Shapes: V visits, T transitions, E entries: one per transition and cluster touched before.


@dataclass(frozen=True)
class VisitTransitions:
    """Visits in order of first contact, and which of them are to be predicted.

    Attributes:
        clusters: of every visit, by user, then by first contact, int64 [V].
        liked_first: whether the first contact was positive, bool [V].
        moments: number of each visit's first contact among the user's distinct ones, int64 [V].
        user_starts: index of the first visit of each visit's user, int64 [V].
        chosen: indices of the transitions' targets, ascending, int64 [T].
        ends: each transition has seen its user's visits up to this index, its own and what tied
            with it left out, int64 [T]; at least one.
        n_clusters: clusters at the serving level.
    """

    clusters: NDArray[np.int64]
    liked_first: NDArray[np.bool_]
    moments: NDArray[np.int64]
    user_starts: NDArray[np.int64]
    chosen: NDArray[np.int64]
    ends: NDArray[np.int64]
    n_clusters: int

    def __len__(self) -> int:
        return len(self.chosen)

    @property
    def targets(self) -> NDArray[np.int64]:
        """The novel cluster of each transition, [T]."""
        return self.clusters[self.chosen]

    def rows_of_earlier(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (transition, index of a visit strictly before it) of every entry, [E] each."""
        starts = self.user_starts[self.chosen]
        lengths = self.ends - starts
        rows = np.repeat(np.arange(len(lengths)), lengths)
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return rows, starts[rows] + within

    def ages(self, rows: NDArray[np.int64], entries: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many moments lie between each entry and its transition's newest one, [E]."""
        return np.asarray(self.moments[self.ends - 1][rows] - self.moments[entries])


def make_visit_transitions(visits: Visits, max_transitions: int) -> VisitTransitions:
    """Return every transition with something touched strictly before, the newest if too many."""
    order = np.lexsort((visits.clusters, visits.touched_at, visits.users))
    users, times = visits.users[order], visits.touched_at[order]
    is_new_user = np.r_[True, users[1:] != users[:-1]][: len(users)]
    is_new_moment = is_new_user | np.r_[True, times[1:] != times[:-1]][: len(users)]
    indices = np.arange(len(users))
    user_starts = np.maximum.accumulate(np.where(is_new_user, indices, 0))
    moment_starts = np.maximum.accumulate(np.where(is_new_moment, indices, 0))
    numbers = np.cumsum(is_new_moment)
    is_transition = visits.novel_likes[order] & (moment_starts > user_starts)
    chosen = np.flatnonzero(is_transition)
    if len(chosen) > max_transitions:
        newest = np.argsort(-times[chosen], kind="stable")[:max_transitions]
        chosen = np.sort(chosen[newest])
    return VisitTransitions(
        clusters=visits.clusters[order],
        liked_first=visits.novel_likes[order],
        moments=numbers - numbers[user_starts],
        user_starts=user_starts,
        chosen=chosen,
        ends=moment_starts[chosen],
        n_clusters=visits.n_clusters,
    )
