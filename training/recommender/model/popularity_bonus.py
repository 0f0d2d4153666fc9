"""What popularity adds to an item's score, for clusters of which a user knows nothing.

A history says which clusters lie near and little about which item of an unknown one to begin with;
there the most liked items are the better way in (docs/research/recommender.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.item_scoring.block_scoring import NO_ROWS, NO_VALUES, Bonus
from training.item_scoring.compiled import compiled
from training.recommender.model.popularity import score_popularity
from training.recommender.protocol import ItemQuery

# Shapes: U states, D dimension, I items.

Asked = tuple[np.ndarray, list[int | None], list[Bonus]]


class PopularityBonus:
    """Adds the weighted logarithm of likes to the items of the clusters that a query names.

    Args:
        likes: how often each item was liked, int64 ``[I]``, by row.
        block_starts: cluster ``c`` fills the rows ``block_starts[c]`` up to
            ``block_starts[c + 1]``.
    """

    def __init__(self, likes: np.ndarray, block_starts: np.ndarray) -> None:
        self._logarithms = score_popularity(likes, 1.0)
        self._starts = block_starts

    def add(
        self,
        states: np.ndarray,
        asking: Sequence[int | None],
        queries: Sequence[ItemQuery],
        bonuses: Sequence[Bonus] | None,
    ) -> Asked:
        """Return states, the one that each query asks by, and the bonus of each state.

        Queries with a weight get a state of their own, the same vector with another bonus; those
        of one user and weight share it, over all clusters that they name.

        Args:
            states: float32 ``[U, D]``.
            asking: the state of each query.
            queries: what is asked.
            bonuses: of each state so far.
        """
        of_states = list(bonuses or [Bonus(NO_ROWS, NO_VALUES)] * len(states))
        clusters: dict[tuple[int, float], list[int]] = {}
        for state, query in zip(asking, queries, strict=True):
            if state is not None and query.popularity_weight:
                named = range(len(self._starts) - 1) if query.clusters is None else query.clusters
                clusters.setdefault((state, query.popularity_weight), []).extend(named)
        own = {key: len(states) + number for number, key in enumerate(clusters)}
        for (state, weight), named in clusters.items():
            of_states.append(self._join(of_states[state], weight, sorted(set(named))))
        asked = [
            state if state is None else own.get((state, query.popularity_weight), state)
            for state, query in zip(asking, queries, strict=True)
        ]
        return np.concatenate([states, states[[state for state, _ in own]]]), asked, of_states

    def _join(self, bonus: Bonus, weight: float, clusters: Sequence[int]) -> Bonus:
        """Return the bonus of items in these clusters, with their popularity."""
        named = np.array(clusters, dtype=np.int64)
        found = _add_within(
            self._starts, named, self._logarithms, np.float32(weight), bonus.rows, bonus.values
        )
        return Bonus(*found)


@compiled
def _add_within(
    starts: np.ndarray,
    clusters: np.ndarray,
    logarithms: np.ndarray,
    weight: np.float32,
    rows: np.ndarray,
    values: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of these clusters, ascending, and the bonus of each.

    Args:
        starts: of each cluster's rows, and the end.
        clusters: ascending, each once.
        logarithms: of each item's likes, ``[I]``.
        weight: of the logarithms.
        rows: that have a bonus already, ascending.
        values: of these.
    """
    n_found = 0
    for cluster in clusters:
        n_found += starts[cluster + 1] - starts[cluster]
    of_clusters, found = np.empty(n_found, np.int64), np.empty(n_found, np.float32)
    at = place = 0
    for cluster in clusters:
        start = starts[cluster]
        at += np.searchsorted(rows[at:], start)
        for row in range(start, starts[cluster + 1]):
            of_clusters[place], found[place] = row, weight * logarithms[row]
            if at < len(rows) and rows[at] == row:
                found[place] += values[at]
                at += 1
            place += 1
    return of_clusters, found
