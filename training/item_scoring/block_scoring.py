"""Scores items by blocks of the layout and ranks them exactly: all of them, or planned ones only.

Shapes: U states (one per distinct history), Q queries, D dimension, I items, K places wanted at
most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, count

import numpy as np

from training.item_scoring.block_search import EVERYTHING, LARGEST_OF_ITEM, STRIP, search, shrink


@dataclass(frozen=True)
class Bonus:
    """What is added to the scores of some places for one history.

    Attributes:
        places: ascending, each once, int64 ``[n]``.
        values: finite, float32 ``[n]``.
    """

    places: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class BlockQuery:
    """One question: the best places for a state, within some blocks.

    Attributes:
        row: the state that asks.
        k: how many places at most.
        clusters: whose blocks are scored, ascending, each once; ``None`` for the whole catalogue.
        excluded: places that may not come back. Within clusters they are only gone through if
            one would come back: planned clusters are novel, so as a rule none would.
    """

    row: int
    k: int
    clusters: Sequence[int] | None = None
    excluded: AbstractSet[int] = frozenset()


NO_PLACES = np.empty(0, dtype=np.int64)
NO_VALUES = np.empty(0, dtype=np.float32)


@dataclass(frozen=True)
class RankedPlaces:
    """Answers to queries, a row each: best first, equal scores in order of place.

    Attributes:
        places: int64 ``[Q, K]``; ``NO_PLACE`` where a query has no more answers.
        scores: float32 ``[Q, K]``; minus infinity there.
    """

    places: np.ndarray
    scores: np.ndarray


class BlockScorer:
    """Answers queries over item vectors: a score is a dot product plus a bonus.

    Args:
        vectors: of the items in order of place, float32 ``[I, D]``, contiguous.
        block_starts: cluster ``c`` fills the places ``block_starts[c]`` up to
            ``block_starts[c + 1]``.
    """

    def __init__(self, vectors: np.ndarray, block_starts: np.ndarray) -> None:
        self.vectors = vectors
        self.block_starts = np.ascontiguousarray(block_starts, dtype=np.int64)

    def prepare(self) -> None:
        """Do now what the first query would else wait for: shrink the items, compile the search."""
        self.rank(np.zeros((1, self.vectors.shape[1]), np.float32), [BlockQuery(0, 1, [0])])

    def score_all(self, states: np.ndarray, bonuses: Sequence[Bonus] | None = None) -> np.ndarray:
        """Return the score of every item for every state, float32 ``[U, I]``.

        Args:
            states: float32 ``[U, D]``.
            bonuses: of each state.
        """
        scores: np.ndarray = states @ self.vectors.T  # [U, I]
        if bonuses is not None:
            for row, bonus in zip(scores, bonuses, strict=True):
                row[bonus.places] += bonus.values
        return scores

    def rank(
        self,
        states: np.ndarray,
        queries: Sequence[BlockQuery],
        bonuses: Sequence[Bonus] | None = None,
    ) -> RankedPlaces:
        """Return the best places of each query; no block is touched that none of them names.

        Args:
            states: float32 ``[U, D]``.
            queries: each by one of the states.
            bonuses: of each state.

        Raises:
            ValueError: a query names a cluster that does not exist.
        """
        if not queries:
            return RankedPlaces(np.empty((0, 0), np.int64), np.empty((0, 0), np.float32))
        # Within clusters nothing is struck out at first: as a rule it would be in vain.
        barred = {
            number: _in_order(query.excluded)
            for number, query in enumerate(queries)
            if query.clusters is None
        }
        ranked = self._search(states, queries, bonuses, barred)
        hit = [
            number
            for number, (query, places) in enumerate(
                zip(queries, ranked.places.tolist(), strict=True)
            )
            if not query.excluded.isdisjoint(places)
        ]
        if hit:
            chosen = [queries[number] for number in hit]
            barred = {number: _in_order(query.excluded) for number, query in enumerate(chosen)}
            again = self._search(states, chosen, bonuses, barred)
            ranked.places[hit, : again.places.shape[1]] = again.places
            ranked.scores[hit, : again.scores.shape[1]] = again.scores
        return ranked

    def _search(
        self,
        states: np.ndarray,
        queries: Sequence[BlockQuery],
        bonuses: Sequence[Bonus] | None,
        barred: Mapping[int, np.ndarray],
    ) -> RankedPlaces:
        plans = [query.clusters for query in queries]
        blocks = [block for plan in plans if plan for block in plan]  # [N]
        self._check(blocks)
        of_query = [query.row for query in queries]
        rows = dict(zip(dict.fromkeys(of_query), count()))
        asked = [
            [rows[row] for row in of_query],
            [query.k for query in queries],
            [EVERYTHING if plan is None else len(plan) for plan in plans],
        ]
        given = {} if bonuses is None else {rows[row]: bonuses[row] for row in rows}
        small, measures = self._shrunk
        places, scores = search(
            (0,) * (small.shape[1] // STRIP),
            self.vectors,
            small,
            measures,
            self.block_starts,
            states[list(rows)],
            np.array(asked),
            np.array(blocks, np.int64),
            *_join({row: bonus.places for row, bonus in given.items()}, len(rows)),
            np.concatenate([NO_VALUES, *(bonus.values for bonus in given.values())]),
            *_join(barred, len(queries)),
        )
        return RankedPlaces(places, scores)

    def _check(self, blocks: Sequence[int]) -> None:
        n_clusters = len(self.block_starts) - 1
        if blocks and not 0 <= min(blocks) <= max(blocks) < n_clusters:
            wrong = min(blocks) if min(blocks) < 0 else max(blocks)
            raise ValueError(f"no cluster {wrong} of {n_clusters}")

    @cached_property
    def _shrunk(self) -> tuple[np.ndarray, np.ndarray]:
        """The small integers of the items and their measures, made at the first use."""
        n_items, dimension = self.vectors.shape
        width = -(-dimension // STRIP) * STRIP
        small = np.zeros((n_items, width), np.int8)  # [I, W]
        measures = np.empty((n_items, 3), np.float32)
        shrink(self.vectors, small, measures, LARGEST_OF_ITEM)
        return small, measures


def _in_order(places: AbstractSet[int]) -> np.ndarray:
    return np.sort(np.fromiter(iter(places), np.int64))


def _join(lists: Mapping[int, np.ndarray], n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return lists one after the other, and where each of ``n`` starts and the last ends.

    Args:
        lists: by number, ascending; what is missing is empty.
        n: how many there are.
    """
    if not lists:
        return NO_PLACES, np.zeros(n + 1, np.int64)
    lengths = [len(lists.get(number, NO_PLACES)) for number in range(n)]
    return np.concatenate(list(lists.values())), np.array(list(accumulate(lengths, initial=0)))
