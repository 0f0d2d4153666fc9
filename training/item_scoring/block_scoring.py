"""Scores items by blocks of the layout and ranks them exactly: all of them, or planned ones only.

Shapes: U states (one per distinct history), Q queries, D dimension, I items, K places wanted at
most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from training.item_scoring.blocks import EVERYWHERE, Blocks
from training.item_scoring.coarse_search import CoarseSearch
from training.item_scoring.shared_blocks import NO_PLACE, SharedBlocks
from training.item_scoring.side_by_side import SideBySide
from training.item_scoring.top_places import top_of_row

CELLS_AT_ONCE = 32_000_000
"""Scores held at one time: 128 MB."""
ALONE_UP_TO = 6
"""So many states are answered one by one: sorting out who shares a block would cost more."""


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

    @property
    def blocks(self) -> Sequence[int]:
        """The numbers of the blocks to score."""
        return (EVERYWHERE,) if self.clusters is None else self.clusters


@dataclass(frozen=True)
class RankedPlaces:
    """Answers to queries, a row each: best first, equal scores in order of place.

    Attributes:
        places: int64 ``[Q, K]``; ``NO_PLACE`` where a query has no more answers.
        scores: float32 ``[Q, K]``; minus infinity there.
    """

    places: np.ndarray
    scores: np.ndarray


NO_BONUS = Bonus(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))
Rank = Callable[[np.ndarray, Sequence[BlockQuery], Sequence[Bonus] | None], RankedPlaces]
"""A way to answer some queries: from states, queries and bonuses."""


class BlockScorer:
    """Answers queries over item vectors: a score is a dot product plus a bonus.

    Args:
        vectors: of the items in order of place, float32 ``[I, D]``, contiguous.
        block_starts: cluster ``c`` fills the places ``block_starts[c]`` up to
            ``block_starts[c + 1]``.
    """

    def __init__(self, vectors: np.ndarray, block_starts: np.ndarray) -> None:
        self.blocks = Blocks(vectors, block_starts)

    def prepare(self) -> None:
        """Make now what the first query about a large catalogue would else wait for."""
        _ = self.blocks.coarse

    def score_all(self, states: np.ndarray, bonuses: Sequence[Bonus] | None = None) -> np.ndarray:
        """Return the score of every item for every state, float32 ``[U, I]``.

        Args:
            states: float32 ``[U, D]``.
            bonuses: of each state.
        """
        scores: np.ndarray = states @ self.blocks.vectors.T  # [U, I]
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
        named = [cluster for query in queries if query.clusters for cluster in query.clusters]
        if named and not 0 <= min(named) <= max(named) < self.blocks.n_clusters:
            wrong = min(named) if min(named) < 0 else max(named)
            raise ValueError(f"no cluster {wrong} of {self.blocks.n_clusters}")
        if len(queries) == 1:
            return self._rank_alone(states, queries, bonuses)
        depth = max((query.k for query in queries), default=0)
        places = np.full((len(queries), depth), NO_PLACE)  # [Q, K]
        scores = np.full((len(queries), depth), -np.inf, dtype=np.float32)  # [Q, K]
        for numbers, rank in self._share_out(queries):
            found = rank(states, [queries[number] for number in numbers], bonuses)
            places[numbers, : found.places.shape[1]] = found.places
            scores[numbers, : found.places.shape[1]] = found.scores
        beyond = np.arange(depth) >= np.array([[query.k] for query in queries])  # [Q, K]
        places[beyond], scores[beyond] = NO_PLACE, -np.inf
        return RankedPlaces(places, scores)

    def _share_out(self, queries: Sequence[BlockQuery]) -> Iterator[tuple[list[int], Rank]]:
        """Yield which queries are answered at once, and how: like with like, in bounded memory."""
        within = [number for number, query in enumerate(queries) if query.clusters]
        anywhere = [number for number, query in enumerate(queries) if query.clusters is None]
        for numbers in (within, anywhere):
            if len({queries[number].row for number in numbers}) <= ALONE_UP_TO:
                for group in _group_by_state([queries[number] for number in numbers]):
                    yield [numbers[at] for at in group], self._rank_alone
                continue
            plans = [queries[number].blocks for number in numbers]
            blocks = [block for plan in plans for block in plan]
            longest = int((self.blocks.ends[blocks] - self.blocks.firsts[blocks]).max())
            n_cells = longest * max(map(len, plans))  # of one query
            step = max(1, CELLS_AT_ONCE // max(1, n_cells))
            for start in range(0, len(numbers), step):
                yield numbers[start : start + step], self._rank_together

    def _rank_alone(
        self, states: np.ndarray, queries: Sequence[BlockQuery], bonuses: Sequence[Bonus] | None
    ) -> RankedPlaces:
        """Answer one query, or several of one state that ask for one block each, each another."""
        row = queries[0].row
        if queries[0].clusters is None and self.blocks.coarse is not None:
            searched = self._search_catalogue(self.blocks.coarse, states, queries[0], bonuses)
            if searched is not None:
                return searched
        numbers = [number for query in queries for number in query.blocks]
        scores = SideBySide.score(self.blocks, numbers, states[row])
        if bonuses is not None:
            scores.add(bonuses[row].places, bonuses[row].values)
        places, best = [], []
        for query, part in zip(queries, scores.split(len(queries)), strict=True):
            if query.clusters is None:
                part.bar(_in_order(query.excluded))
            found, values = part.best(query.k)
            if not query.excluded.isdisjoint(found):
                part.bar(_in_order(query.excluded))
                found, values = part.best(query.k)
            places.append(found)
            best.append(values)
        depth = max(map(len, places))
        for found, values in zip(places, best, strict=True):
            found += [NO_PLACE] * (depth - len(found))
            values += [-np.inf] * (depth - len(values))
        return RankedPlaces(np.array(places, np.int64), np.array(best, np.float32))

    def _search_catalogue(
        self,
        coarse: CoarseSearch,
        states: np.ndarray,
        query: BlockQuery,
        bonuses: Sequence[Bonus] | None,
    ) -> RankedPlaces | None:
        """Answer a query about the whole catalogue exactly, by what a coarse search leaves."""
        bonus = NO_BONUS if bonuses is None else bonuses[query.row]
        state, barred = states[query.row], _in_order(query.excluded)
        left = coarse.narrow(state, query.k, (bonus.places, bonus.values), barred)
        if left is None:
            return None
        scores = self.blocks.vectors[left] @ state  # [left]
        _, at, of_bonus = np.intersect1d(
            left, bonus.places, assume_unique=True, return_indices=True
        )
        scores[at] += bonus.values[of_bonus]
        best, cells = top_of_row(scores, query.k)
        return RankedPlaces(left[cells][None], np.array([best], np.float32))

    def _rank_together(
        self, states: np.ndarray, queries: Sequence[BlockQuery], bonuses: Sequence[Bonus] | None
    ) -> RankedPlaces:
        rows = np.array([query.row for query in queries])  # [Q]
        scores = SharedBlocks(self.blocks, [query.blocks for query in queries], states, rows)
        if bonuses is not None:
            scores.add([bonus.places for bonus in bonuses], [bonus.values for bonus in bonuses])
        if any(query.clusters is None for query in queries):
            scores.bar([_in_order(query.excluded) for query in queries])
        depth = max(query.k for query in queries)
        places, best = scores.best(slice(None), depth)  # [Q, K] each
        hit = [
            number
            for number, found in enumerate(places.tolist())
            if not queries[number].excluded.isdisjoint(found)
        ]
        if hit:
            barred = {number: _in_order(queries[number].excluded) for number in hit}
            nothing = _in_order(frozenset())
            scores.bar([barred.get(number, nothing) for number in range(len(queries))])
            places[hit], best[hit] = scores.best(hit, depth)
        return RankedPlaces(places, best)


def _group_by_state(queries: Sequence[BlockQuery]) -> list[list[int]]:
    """Return the numbers of queries that one pass can answer: of one state, for one block each."""
    groups: dict[tuple[int, int], list[int]] = {}
    asked: dict[tuple[int, int], int] = {}  # how often each block by each state
    for number, query in enumerate(queries):
        if len(query.blocks) > 1:
            key = (-1, number)
        else:  # who asks for the same block again goes into another group
            piece = (query.row, query.blocks[0])
            key = (query.row, asked.get(piece, 0))
            asked[piece] = key[1] + 1
        groups.setdefault(key, []).append(number)
    return list(groups.values())


def _in_order(places: AbstractSet[int]) -> np.ndarray:
    return np.sort(np.fromiter(iter(places), np.int64))
