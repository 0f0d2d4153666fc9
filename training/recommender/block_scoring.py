"""Scores items by blocks of the layout and ranks them exactly: all of them, or planned ones only.

Shapes: U states (one per distinct history), Q queries, D dimension, I items, K places wanted at
most, N pieces (a piece is what one query asks of one block), S pieces of one query at most,
W items of the longest piece.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain, pairwise
from operator import sub

import numpy as np

from training.recommender.pieces import Pieces
from training.recommender.products import multiply_into
from training.recommender.top_places import top_columns, top_of_row

CELLS_AT_ONCE = 32_000_000
"""Scores held at one time: 128 MB."""
ALONE_UP_TO = 6
"""So many queries are answered one by one: sorting out who shares a block would cost more."""
NO_PLACE = -1
EVERYWHERE = -1
"""Stands for a cluster: the one block that holds the whole catalogue."""

NOTHING = np.empty(0, dtype=np.int64)
"""No places."""


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
        excluded: places that may not come back, ascending, each once, int64 ``[n]``.
    """

    row: int
    k: int
    clusters: Sequence[int] | None = None
    excluded: np.ndarray = field(default_factory=lambda: NOTHING)

    @property
    def blocks(self) -> Sequence[int]:
        """The blocks to score; the whole catalogue is one."""
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


class BlockScorer:
    """Item vectors by cluster, ready to be scored: a score is a dot product plus a bonus.

    Args:
        vectors: of the items in order of place, float32 ``[I, D]``, contiguous.
        block_starts: cluster ``c`` fills the places ``block_starts[c]`` up to
            ``block_starts[c + 1]``.
    """

    def __init__(self, vectors: np.ndarray, block_starts: np.ndarray) -> None:
        self.vectors = vectors
        # One block more than there are clusters: the last, at EVERYWHERE, is the whole catalogue.
        self._firsts = np.append(block_starts[:-1], 0)
        self._ends = np.append(block_starts[1:], len(vectors))
        # Cut beforehand: a small query would spend a quarter of its time on slicing.
        self._first_of: list[int] = self._firsts.tolist()
        self._end_of: list[int] = self._ends.tolist()
        self._blocks = [vectors[i:j] for i, j in zip(self._first_of, self._end_of, strict=True)]

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
        n_clusters = len(self._blocks) - 1
        for cluster in chain.from_iterable(query.clusters or () for query in queries):
            if not 0 <= cluster < n_clusters:
                raise ValueError(f"no cluster {cluster} of {n_clusters}")
        if len(queries) == 1:
            return self._rank_alone(states, queries[0], bonuses)
        depth = max((query.k for query in queries), default=0)
        places = np.full((len(queries), depth), NO_PLACE)  # [Q, K]
        scores = np.full((len(queries), depth), -np.inf, dtype=np.float32)  # [Q, K]
        for rows in self._share_out(queries):
            part = [queries[row] for row in rows]
            if len(part) == 1:
                found = self._rank_alone(states, part[0], bonuses)
            else:
                found = self._rank_together(states, part, bonuses)
            places[rows, : found.places.shape[1]] = found.places
            scores[rows, : found.places.shape[1]] = found.scores
        return RankedPlaces(places, scores)

    def _share_out(self, queries: Sequence[BlockQuery]) -> Iterator[list[int]]:
        """Yield which queries are answered at once: like with like, in bounded memory."""
        within = [row for row, query in enumerate(queries) if query.clusters]
        anywhere = [row for row, query in enumerate(queries) if query.clusters is None]
        for rows in (within, anywhere):
            if len(rows) <= ALONE_UP_TO:
                yield from ([row] for row in rows)
                continue
            blocks = set(chain.from_iterable(queries[row].blocks for row in rows))
            longest = max(self._end_of[block] - self._first_of[block] for block in blocks)
            n_cells = longest * max(len(queries[row].blocks) for row in rows)  # of one query
            step = max(1, CELLS_AT_ONCE // max(1, n_cells))
            yield from (rows[start : start + step] for start in range(0, len(rows), step))

    def _rank_alone(
        self, states: np.ndarray, query: BlockQuery, bonuses: Sequence[Bonus] | None
    ) -> RankedPlaces:
        """Answer one query: its blocks side by side in one row.

        All but the products is done on lists: a handful of numbers is handled faster so.
        """
        firsts = [self._first_of[block] for block in query.blocks]
        ends = [self._end_of[block] for block in query.blocks]
        stops = list(accumulate(map(sub, ends, firsts)))
        shifts = list(map(sub, ends, stops))  # from a cell to its place
        state = states[query.row]  # [D]
        products = [self._blocks[block].dot(state) for block in query.blocks]
        scores = np.concatenate(products) if products else np.empty(0, dtype=np.float32)
        if bonuses is not None:
            places, values = bonuses[query.row].places, bonuses[query.row].values
            for found, shift in _find_within(places, firsts, ends, shifts):
                scores[places[found] - shift] += values[found]
        if len(query.excluded):
            for found, shift in _find_within(query.excluded, firsts, ends, shifts):
                scores[query.excluded[found] - shift] = -np.inf
        best, cells = top_of_row(scores, query.k)
        best_places = [cell + shifts[bisect_right(stops, cell)] for cell in cells]
        return RankedPlaces(
            np.array([best_places], dtype=np.int64), np.array([best], dtype=np.float32)
        )

    def _rank_together(
        self, states: np.ndarray, queries: Sequence[BlockQuery], bonuses: Sequence[Bonus] | None
    ) -> RankedPlaces:
        """Answer queries that name a block or more: a block at one go for all that share it."""
        blocks = np.array(list(chain.from_iterable(query.blocks for query in queries)))  # [N]
        n_blocks = np.array([len(query.blocks) for query in queries])  # [Q]
        order = np.argsort(blocks, kind="stable")  # pieces of one block side by side
        blocks = blocks[order]
        owner = np.repeat(np.arange(len(queries)), n_blocks)[order]  # [N], the query of each
        rows = np.array([query.row for query in queries])[owner]  # [N], its state
        firsts, ends = self._firsts[blocks], self._ends[blocks]  # [N]
        n_pieces, width = len(blocks), int((ends - firsts).max())
        # One row more than there are pieces: it fills up the queries that have fewer of them.
        scores = np.full((n_pieces + 1, width), -np.inf, dtype=np.float32)  # [N + 1, W]
        askers = states[rows]  # [N, D]
        edges = [0, *(np.flatnonzero(np.diff(blocks)) + 1).tolist(), n_pieces]
        for (start, end), block in zip(pairwise(edges), blocks[edges[:-1]].tolist(), strict=True):
            multiply_into(scores[start:end], askers[start:end], self._blocks[block])
        cells = np.arange(n_pieces) * width
        if bonuses is not None:
            pieces = Pieces(rows, firsts, ends, cells)
            chosen, at = pieces.find([bonus.places for bonus in bonuses])
            scores.ravel()[at] += np.concatenate([bonus.values for bonus in bonuses])[chosen]
        if any(len(query.excluded) for query in queries):
            pieces = Pieces(owner, firsts, ends, cells)
            scores.ravel()[pieces.find([query.excluded for query in queries])[1]] = -np.inf
        piece_of = np.full((len(queries), n_blocks.max()), n_pieces)  # [Q, S]
        nth = np.arange(n_pieces) - np.repeat(np.cumsum(n_blocks) - n_blocks, n_blocks)  # [N]
        piece_of[owner, nth[order]] = np.arange(n_pieces)
        return _take_best(scores, piece_of, firsts, [query.k for query in queries])


def _find_within(
    places: np.ndarray, firsts: Sequence[int], ends: Sequence[int], shifts: Sequence[int]
) -> Iterator[tuple[slice, int]]:
    """Yield which of the ascending places lie in each stretch, for the stretches that hold any."""
    low, high = places.searchsorted([firsts, ends]).tolist()
    for start, end, shift in zip(low, high, shifts, strict=True):
        if start < end:
            yield slice(start, end), shift


def _take_best(
    scores: np.ndarray, piece_of: np.ndarray, firsts: np.ndarray, wanted: Sequence[int]
) -> RankedPlaces:
    """Return the best places of each query from the scores of its pieces.

    Args:
        scores: of the pieces, with a last row of nothing, ``[N + 1, W]``.
        piece_of: the pieces of each query in order of place, int64 ``[Q, S]``.
        firsts: the first place of each piece, int64 ``[N]``.
        wanted: how many places of each query at most.
    """
    width = scores.shape[1]
    side_by_side = np.take(scores, piece_of, axis=0).reshape(len(piece_of), -1)  # [Q, S * W]
    best, columns = top_columns(side_by_side, max(wanted))  # [Q, K]
    piece = np.take_along_axis(piece_of, columns // width, axis=1)  # [Q, K]
    places = np.append(firsts, 0)[piece] + columns % width  # [Q, K]
    if min(wanted) < max(wanted):
        best[np.arange(best.shape[1]) >= np.array(wanted)[:, None]] = -np.inf
    places[best == -np.inf] = NO_PLACE
    return RankedPlaces(places, best)
