"""Scores items by blocks of the layout and ranks them exactly: all of them, or planned ones only.

Shapes: U states (one per distinct history), Q queries, D dimension, I items, K items wanted
at most. A row is an item's in the layout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, count

import numpy as np

from training.item_scoring.block_search import EVERYTHING, LARGEST_OF_ITEM, STRIP, quantise, search


@dataclass(frozen=True)
class Bonus:
    """What is added to the scores of some items for one history.

    Attributes:
        rows: of the items, ascending, each once, int64 ``[n]``.
        values: finite, float32 ``[n]``.
    """

    rows: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class BlockQuery:
    """One question: the best items for a state, within some blocks.

    Attributes:
        state: the one that asks, by its index.
        k: how many items at most.
        clusters: whose blocks are scored, ascending, each once; ``None`` for the whole catalogue.
        excluded: rows that may not come back. Within clusters they are only gone through if
            one would come back: planned clusters are novel, so as a rule none would.
    """

    state: int
    k: int
    clusters: Sequence[int] | None = None
    excluded: AbstractSet[int] = frozenset()


Quantised = tuple[np.ndarray, np.ndarray]
"""Codes, int8 ``[I, W]``, and scales, float32 ``[I, 3]``; W is D filled up to whole strips."""
NO_ROWS = np.empty(0, dtype=np.int64)
NO_VALUES = np.empty(0, dtype=np.float32)


@dataclass(frozen=True)
class RankedItems:
    """Answers to queries, a row each: best first, equal scores in order of row.

    Attributes:
        rows: of the items, int64 ``[Q, K]``; ``NO_ITEM`` where a query has no more answers.
        scores: float32 ``[Q, K]``; minus infinity there.
    """

    rows: np.ndarray
    scores: np.ndarray


class BlockScorer:
    """Answers queries over item vectors: a score is a dot product plus a bonus.

    Args:
        vectors: of the items in order of row, float32 ``[I, D]``, contiguous.
        block_starts: cluster ``c`` fills the rows ``block_starts[c]`` up to
            ``block_starts[c + 1]``.
        quantised: what :attr:`quantised` was of the same vectors, where it is at hand.
    """

    def __init__(
        self, vectors: np.ndarray, block_starts: np.ndarray, quantised: Quantised | None = None
    ) -> None:
        self.vectors = vectors
        self.block_starts = np.ascontiguousarray(block_starts, dtype=np.int64)
        if quantised is not None:
            self.quantised = quantised

    def prepare(self) -> None:
        """Quantise the items and compile the search: the first query would else wait for it."""
        self.rank(np.zeros((1, self.vectors.shape[1]), np.float32), [BlockQuery(0, 1, [0])])

    def score_all(self, states: np.ndarray, bonuses: Sequence[Bonus] | None = None) -> np.ndarray:
        """Return the score of every item for every state, float32 ``[U, I]``.

        Args:
            states: float32 ``[U, D]``.
            bonuses: of each state.
        """
        scores: np.ndarray = states @ self.vectors.T  # [U, I]
        if bonuses is not None:
            for of_state, bonus in zip(scores, bonuses, strict=True):
                of_state[bonus.rows] += bonus.values
        return scores

    def rank(
        self,
        states: np.ndarray,
        queries: Sequence[BlockQuery],
        bonuses: Sequence[Bonus] | None = None,
    ) -> RankedItems:
        """Return the best items of each query; no block is touched that none of them names.

        Args:
            states: float32 ``[U, D]``.
            queries: each by one of the states.
            bonuses: of each state.

        Raises:
            ValueError: a query names a cluster that does not exist.
        """
        if not queries:
            return RankedItems(np.empty((0, 0), np.int64), np.empty((0, 0), np.float32))
        # Within clusters nothing is excluded at first: as a rule it would be in vain.
        excluded = {
            number: _in_order(query.excluded)
            for number, query in enumerate(queries)
            if query.clusters is None
        }
        ranked = self._search(states, queries, bonuses, excluded)
        hit = [
            number
            for number, (query, rows) in enumerate(zip(queries, ranked.rows.tolist(), strict=True))
            if not query.excluded.isdisjoint(rows)
        ]
        if hit:
            chosen = [queries[number] for number in hit]
            excluded = {number: _in_order(query.excluded) for number, query in enumerate(chosen)}
            again = self._search(states, chosen, bonuses, excluded)
            ranked.rows[hit, : again.rows.shape[1]] = again.rows
            ranked.scores[hit, : again.scores.shape[1]] = again.scores
        return ranked

    def _search(
        self,
        states: np.ndarray,
        queries: Sequence[BlockQuery],
        bonuses: Sequence[Bonus] | None,
        excluded: Mapping[int, np.ndarray],
    ) -> RankedItems:
        plans = [query.clusters for query in queries]
        blocks = [block for plan in plans if plan for block in plan]  # [N]
        self._check(blocks)
        states_asked = dict(zip(dict.fromkeys(query.state for query in queries), count()))
        asked = [
            [states_asked[query.state] for query in queries],
            [query.k for query in queries],
            [EVERYTHING if plan is None else len(plan) for plan in plans],
        ]
        given = {}
        if bonuses is not None:
            given = {index: bonuses[state] for state, index in states_asked.items()}
        codes, scales = self.quantised
        rows, scores = search(
            (0,) * (codes.shape[1] // STRIP),
            self.vectors,
            codes,
            scales,
            self.block_starts,
            states[list(states_asked)],
            np.array(asked),
            np.array(blocks, np.int64),
            *_join({index: bonus.rows for index, bonus in given.items()}, len(states_asked)),
            np.concatenate([NO_VALUES, *(bonus.values for bonus in given.values())]),
            *_join(excluded, len(queries)),
        )
        return RankedItems(rows, scores)

    def _check(self, blocks: Sequence[int]) -> None:
        n_clusters = len(self.block_starts) - 1
        if blocks and not 0 <= min(blocks) <= max(blocks) < n_clusters:
            wrong = min(blocks) if min(blocks) < 0 else max(blocks)
            raise ValueError(f"no cluster {wrong} of {n_clusters}")

    @cached_property
    def quantised(self) -> Quantised:
        """The codes of the items and their scales, made at the first use."""
        n_items, dimension = self.vectors.shape
        width = -(-dimension // STRIP) * STRIP
        codes = np.zeros((n_items, width), np.int8)  # [I, W]
        scales = np.empty((n_items, 3), np.float32)
        quantise(self.vectors, codes, scales, LARGEST_OF_ITEM)
        return codes, scales


def _in_order(rows: AbstractSet[int]) -> np.ndarray:
    return np.sort(np.fromiter(iter(rows), np.int64))


def _join(lists: Mapping[int, np.ndarray], n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return lists one after the other, and where each of ``n`` starts and the last ends.

    Args:
        lists: by number, ascending; what is missing is empty.
        n: how many there are.
    """
    if not lists:
        return NO_ROWS, np.zeros(n + 1, np.int64)
    lengths = [len(lists.get(number, NO_ROWS)) for number in range(n)]
    return np.concatenate(list(lists.values())), np.array(list(accumulate(lengths, initial=0)))
