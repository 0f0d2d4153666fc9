"""Finds the best items of each query in its blocks: coarsely by quantised vectors, then exactly.

Items are kept a second time, quantised to eight bits a number. With ``v`` an item, ``v'`` what its
codes stand for, and ``u``, ``u'`` the same of a state (in sixteen bits), the product ``u v`` lies
within ``|u - u'| |v| + |u'| |v - v'|`` of ``u' v'`` (Cauchy and Schwarz), rounding apart: a lower
and an upper bound of each score. An item whose upper bound lies below the k-th best lower bound met
so far is passed over; only the few that are left are scored in float32. A block is read once for
all queries that ask for it, and an answer is the same to the last bit whatever is asked beside it.

Everything here is compiled at its first use (`compiled.py`), and so stays in one file.

Shapes: I items, D dimension, W dimension rounded up to whole strips, C clusters, U states,
Q queries, N pairs of a query and a block it asks for, K items wanted at most, M bonuses of all
states, X exclusions of all queries. An item is known by its row: vectors, codes and scales lie in
that order, cluster by cluster.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from training.item_scoring.compiled import compiled, compiled_in_any_order

STRIP = 32
"""Codes are padded with zeros to a multiple of so many, the bytes of a 256-bit register: so the
compiled loop has no remainder."""
TILE_ITEMS = 512
"""Items bounded at one time: 64 kB of codes at 128 dimensions, which stay in the second-level cache
for all queries that ask for them."""
QUEUE_SIZE = 64
"""Items of one query that may wait to be scored exactly: enough vectors to fetch at one time, and
few that a later threshold would have passed over."""
N_MAXIMA = 32
"""The first threshold of a query comes from the maxima of so many parts of the first items; a
larger depth than this finds none there and starts without."""
LARGEST_OF_ITEM = 127
LARGEST_OF_STATE = 32_767
LARGEST_SUM = 2**31 - 1
"""Of int8, int16 and int32: products of codes are summed in 32 bits, without overflow."""
ROUNDING = 4 * float(np.finfo(np.float32).eps)
"""What one operation in float32 is off by, relatively and generously."""
UNDERFLOW = np.float32(1e-36)
"""More than is lost where products are too small for float32."""
LOWEST = np.finfo(np.float32).min
STEP, NORM, ERROR = range(3)
"""Columns of scales: what a code is multiplied by, ``|v|``, ``|v - v'|``."""
STATE, DEPTH, N_BLOCKS = range(3)
"""Rows of queries: the state that asks, how many items at most, how many blocks."""
EVERYTHING = -1
"""The number of blocks of a query about the whole catalogue."""
N_BOUNDS, N_QUEUED, N_FOUND = range(3)
NO_ITEM = -1
"""Fills the rows of a query that has fewer answers than it asked for."""


class Progress(NamedTuple):
    """How far each query has come. A heap has its worst item first.

    Attributes:
        scores: a heap of the best exact scores, float32 ``[Q, K]``.
        rows: whose they are, int64 ``[Q, K]``.
        bounds: a heap of the best lower bounds, float32 ``[Q, K]``.
        bounded: whose they are, int64 ``[Q, K]``.
        queue: rows to be scored exactly, int64 ``[Q, QUEUE_SIZE]``.
        upper: their upper bounds, float32 ``[Q, QUEUE_SIZE]``.
        sizes: how many are bounded, queued and found, int64 ``[Q, 3]``.
        thresholds: no item below is among the best of the query, float32 ``[Q]``.
    """

    scores: np.ndarray
    rows: np.ndarray
    bounds: np.ndarray
    bounded: np.ndarray
    queue: np.ndarray
    upper: np.ndarray
    sizes: np.ndarray
    thresholds: np.ndarray


@compiled_in_any_order
def quantise(vectors: np.ndarray, codes: np.ndarray, scales: np.ndarray, largest: int) -> None:
    """Quantise vectors, each by a scale of its own.

    Args:
        vectors: float32 ``[n, D]``.
        codes: zeros, of a type that holds ``largest``, ``[n, W]``.
        scales: float32 ``[n, 3]``; see ``STEP``.
        largest: the greatest code.
    """
    for row in range(len(vectors)):
        top = np.float32(0)
        for at in range(vectors.shape[1]):
            top = max(top, abs(vectors[row, at]))
        # Of each vector its own: one scale for all would leave short vectors hardly a code apart.
        step = max(np.float32(top / largest), np.finfo(np.float32).tiny)
        norm = error = 0.0
        for at in range(vectors.shape[1]):
            number = float(vectors[row, at])
            count = np.rint(number / step)
            codes[row, at] = count
            norm += number * number
            error += (number - count * float(step)) ** 2
        scales[row, STEP] = step
        scales[row, NORM], scales[row, ERROR] = np.sqrt(norm), np.sqrt(error)


@compiled
def search(
    strips: tuple[int, ...],
    vectors: np.ndarray,
    codes: np.ndarray,
    scales: np.ndarray,
    block_starts: np.ndarray,
    states: np.ndarray,
    queries: np.ndarray,
    blocks: np.ndarray,
    bonus_rows: np.ndarray,
    bonus_starts: np.ndarray,
    bonus_values: np.ndarray,
    excluded_rows: np.ndarray,
    excluded_starts: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the best rows of each query, best first, equal scores in order of row.

    Args:
        strips: W over ``STRIP`` zeros. Their number is part of the type, so that it is known when
            this is compiled: the loop over a row of codes is a third faster for it.
        vectors: of the items in order of row, float32 ``[I, D]``.
        codes: of the items, up to ``LARGEST_OF_ITEM``, int8 ``[I, W]``.
        scales: of the items, float32 ``[I, 3]``.
        block_starts: cluster ``c`` fills the rows ``block_starts[c]`` up to
            ``block_starts[c + 1]``, int64 ``[C + 1]``; block ``C`` is the whole catalogue.
        states: float32 ``[U, D]``.
        queries: int64 ``[3, Q]``; see ``STATE``.
        blocks: of one query after the other, ascending within each, int64 ``[N]``.
        bonus_rows: of one state after the other, ascending within each, int64 ``[M]``.
        bonus_starts: where those of each state start, and the end, int64 ``[U + 1]``.
        bonus_values: what is added there, float32 ``[M]``.
        excluded_rows: that may not come back, of one query after the other, ascending within
            each, int64 ``[X]``.
        excluded_starts: where those of each query start, and the end, int64 ``[Q + 1]``.

    Returns:
        Rows and scores, int64 and float32 ``[Q, K]``; ``NO_ITEM`` and minus infinity where a
        query has no more answers.
    """
    progress = _start_progress(queries.shape[1], queries[DEPTH].max())
    state_codes = np.zeros((len(states), codes.shape[1]), np.int16)  # [U, W]
    state_scales = np.empty((len(states), 3), np.float32)
    largest = min(LARGEST_OF_STATE, LARGEST_SUM // (LARGEST_OF_ITEM * states.shape[1]))
    quantise(states, state_codes, state_scales, largest)
    block_queries, block_offsets = _queries_by_block(queries, blocks, len(block_starts))
    lower, upper = np.empty(TILE_ITEMS, np.float32), np.empty(TILE_ITEMS, np.float32)
    # Blocks outside, queries inside: a tile of codes is fetched from memory once for all
    # queries that ask for it, and stays near the processor meanwhile.
    for block in range(len(block_starts)):
        if block_offsets[block] == block_offsets[block + 1]:
            continue
        is_cluster = block < len(block_starts) - 1
        block_first = block_starts[block] if is_cluster else 0
        block_end = block_starts[block + 1] if is_cluster else len(vectors)
        for first in range(block_first, block_end, TILE_ITEMS):
            end = min(first + TILE_ITEMS, block_end)
            tile, tile_scales = codes[first:end], scales[first:end]
            for number in range(block_offsets[block], block_offsets[block + 1]):
                query = block_queries[number]
                state, depth = queries[STATE, query], queries[DEPTH, query]
                if depth == 0:
                    continue
                start, stop = bonus_starts[state], bonus_starts[state + 1]
                of_state = state_codes[state], state_scales[state]
                _bound_scores(strips, tile, tile_scales, *of_state, lower, upper)
                _add_bonuses(bonus_rows, bonus_values, start, stop, first, end, lower, upper)
                _exclude(excluded_rows, excluded_starts, query, first, end, lower, upper)
                # Only until a heap of lower bounds is full: its first is a threshold as good.
                if progress.sizes[query, N_BOUNDS] < depth:
                    threshold = _find_threshold(lower[: end - first], depth)
                    progress.thresholds[query] = max(progress.thresholds[query], threshold)
                at = 0
                while at < end - first:
                    at = _enqueue(progress, query, depth, first, at, end - first, lower, upper)
                    if at < end - first:  # the queue is full
                        n = _score_queue(progress, query, vectors, states[state])
                        _keep_best(progress, query, depth, n, bonus_rows, bonus_values, start, stop)
    for query in range(queries.shape[1]):
        state, depth = queries[STATE, query], queries[DEPTH, query]
        start, stop = bonus_starts[state], bonus_starts[state + 1]
        n = _score_queue(progress, query, vectors, states[state])
        _keep_best(progress, query, depth, n, bonus_rows, bonus_values, start, stop)
        _heap_sort(progress.scores[query], progress.rows[query], progress.sizes[query, N_FOUND])
    return progress.rows, progress.scores


@compiled
def _start_progress(n_queries: int, depth: int) -> Progress:
    return Progress(
        np.full((n_queries, depth), -np.inf, np.float32),
        np.full((n_queries, depth), NO_ITEM),
        np.empty((n_queries, depth), np.float32),
        np.empty((n_queries, depth), np.int64),
        np.empty((n_queries, QUEUE_SIZE), np.int64),
        np.empty((n_queries, QUEUE_SIZE), np.float32),
        np.zeros((n_queries, 3), np.int64),
        np.full(n_queries, LOWEST, np.float32),
    )


@compiled
def _queries_by_block(
    queries: np.ndarray, blocks: np.ndarray, n_blocks: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the queries of each block, ``[N]``, and where those of each block start.

    The last block is the whole catalogue.
    """
    block_offsets = np.zeros(n_blocks + 1, np.int64)
    for block in blocks:
        block_offsets[block + 1] += 1
    for n in queries[N_BLOCKS]:
        if n == EVERYTHING:
            block_offsets[n_blocks] += 1
    for block in range(n_blocks):
        block_offsets[block + 1] += block_offsets[block]
    free = block_offsets.copy()
    block_queries = np.empty(block_offsets[n_blocks], np.int64)
    start = 0
    for query in range(queries.shape[1]):
        if queries[N_BLOCKS, query] == EVERYTHING:
            block_queries[free[n_blocks - 1]] = query
            free[n_blocks - 1] += 1
            continue
        stop = start + queries[N_BLOCKS, query]
        for block in blocks[start:stop]:
            block_queries[free[block]] = query
            free[block] += 1
        start = stop
    return block_queries, block_offsets


@compiled
def _bound_scores(
    strips: tuple[int, ...],
    tile: np.ndarray,
    tile_scales: np.ndarray,
    state: np.ndarray,
    state_scale: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
) -> None:
    """Fill in bounds of the products of a state with some items."""
    for at in range(len(tile)):
        codes = tile[at]
        total = np.int32(0)
        for n in range(STRIP * len(strips)):
            total = np.int32(total + np.int32(codes[n]) * np.int32(state[n]))
        upper[at] = total
    norm = state_scale[NORM] + state_scale[ERROR]  # of u' at most
    slack = state_scale[ERROR] + np.float32(ROUNDING * (len(state) + 4)) * norm
    for at in range(len(tile)):
        middle = upper[at] * state_scale[STEP] * tile_scales[at, STEP]
        reach = slack * tile_scales[at, NORM] + norm * tile_scales[at, ERROR] + UNDERFLOW
        lower[at] = middle - reach
        upper[at] = middle + reach


@compiled
def _add_bonuses(
    rows: np.ndarray,
    values: np.ndarray,
    start: int,
    stop: int,
    first: int,
    end: int,
    lower: np.ndarray,
    upper: np.ndarray,
) -> None:
    """Add a bonus to bounds. Rounding is monotonic, so they stay bounds of score and bonus."""
    at = _search_sorted(rows, start, stop, first)
    while at < stop and rows[at] < end:
        lower[rows[at] - first] += values[at]
        upper[rows[at] - first] += values[at]
        at += 1


@compiled
def _exclude(
    rows: np.ndarray,
    starts: np.ndarray,
    query: int,
    first: int,
    end: int,
    lower: np.ndarray,
    upper: np.ndarray,
) -> None:
    """Put the bounds of rows that may not come back below any threshold."""
    at = _search_sorted(rows, starts[query], starts[query + 1], first)
    while at < starts[query + 1] and rows[at] < end:
        lower[rows[at] - first] = upper[rows[at] - first] = -np.inf
        at += 1


@compiled
def _find_threshold(lower: np.ndarray, depth: int) -> np.float32:
    """Return a score that ``depth`` of some items reach: so many maxima of parts do."""
    maxima = np.full(N_MAXIMA, LOWEST, np.float32)
    for start in range(0, len(lower), N_MAXIMA):
        part = lower[start : start + N_MAXIMA]
        for n in range(len(part)):
            maxima[n] = max(maxima[n], part[n])
    threshold = LOWEST
    for maximum in maxima:
        n_above = 0
        for other in maxima:
            if other >= maximum:
                n_above += 1
        if n_above >= depth:
            threshold = max(threshold, maximum)
    return threshold


@compiled
def _enqueue(
    progress: Progress,
    query: int,
    depth: int,
    first: int,
    start: int,
    end: int,
    lower: np.ndarray,
    upper: np.ndarray,
) -> int:
    """Queue items that may be among the best; return where it stopped for want of room."""
    bounds, bounded = progress.bounds[query], progress.bounded[query]
    queue, queue_bounds = progress.queue[query], progress.upper[query]
    size, n, threshold = (
        progress.sizes[query, N_BOUNDS],
        progress.sizes[query, N_QUEUED],
        progress.thresholds[query],
    )
    at = start
    while at < end:
        if upper[at] >= threshold:
            if n == QUEUE_SIZE:
                break
            queue[n], queue_bounds[n] = first + at, upper[at]
            n += 1
            size = _heap_push(bounds, bounded, size, depth, lower[at], first + at)
            if size == depth:
                threshold = max(threshold, bounds[0])
        at += 1
    progress.sizes[query, N_BOUNDS], progress.sizes[query, N_QUEUED] = size, n
    progress.thresholds[query] = threshold
    return at


@compiled
def _score_queue(progress: Progress, query: int, vectors: np.ndarray, state: np.ndarray) -> int:
    """Score those of the queue that still may be among the best; return how many they are.

    They are moved to the front, and their scores stand where their upper bounds stood.
    """
    queue, upper, threshold = (
        progress.queue[query],
        progress.upper[query],
        progress.thresholds[query],
    )
    n = 0
    for at in range(progress.sizes[query, N_QUEUED]):
        if upper[at] >= threshold:
            queue[n] = queue[at]
            n += 1
    # Nothing here depends on a score, so the processor fetches several vectors at one time.
    for at in range(n):
        upper[at] = _dot(vectors[queue[at]], state)
    progress.sizes[query, N_QUEUED] = 0
    return n


@compiled
def _keep_best(
    progress: Progress,
    query: int,
    depth: int,
    n_scored: int,
    bonus_rows: np.ndarray,
    bonus_values: np.ndarray,
    start: int,
    stop: int,
) -> None:
    """Keep the best of the items just scored."""
    scores, rows = progress.scores[query], progress.rows[query]
    size = progress.sizes[query, N_FOUND]
    for at in range(n_scored):
        row, score = progress.queue[query, at], progress.upper[query, at]
        found = _search_sorted(bonus_rows, start, stop, row)
        if found < stop and bonus_rows[found] == row:
            score += bonus_values[found]
        size = _heap_push(scores, rows, size, depth, score, row)
    progress.sizes[query, N_FOUND] = size
    if n_scored > 0 and size == depth:
        progress.thresholds[query] = max(progress.thresholds[query], scores[0])


@compiled_in_any_order
def _dot(left: np.ndarray, right: np.ndarray) -> np.float32:
    total = np.float32(0)
    for at in range(len(left)):
        total += left[at] * right[at]
    return total


@compiled
def _search_sorted(rows: np.ndarray, start: int, stop: int, row: int) -> int:
    """Return the index of the first of some ascending rows that is not below ``row``."""
    while start < stop:
        middle = (start + stop) // 2
        if rows[middle] < row:
            start = middle + 1
        else:
            stop = middle
    return start


@compiled
def _heap_push(
    scores: np.ndarray, rows: np.ndarray, size: int, depth: int, score: np.float32, row: int
) -> int:
    """Push a row into a heap of ``depth`` at most if it is good enough; return its size."""
    if size < depth:
        at = size
        while at > 0 and _is_worse(score, row, scores[(at - 1) // 2], rows[(at - 1) // 2]):
            scores[at], rows[at] = scores[(at - 1) // 2], rows[(at - 1) // 2]
            at = (at - 1) // 2
        scores[at], rows[at] = score, row
        return size + 1
    if size > 0 and _is_worse(scores[0], rows[0], score, row):
        _sift_down(scores, rows, size, score, row)
    return size


@compiled
def _sift_down(
    scores: np.ndarray, rows: np.ndarray, size: int, score: np.float32, row: int
) -> None:
    """Replace the first of a heap, and put the heap in order again."""
    at = 0
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and _is_worse(
            scores[child + 1], rows[child + 1], scores[child], rows[child]
        ):
            child += 1
        if not _is_worse(scores[child], rows[child], score, row):
            break
        scores[at], rows[at] = scores[child], rows[child]
        at = child
    scores[at], rows[at] = score, row


@compiled
def _heap_sort(scores: np.ndarray, rows: np.ndarray, size: int) -> None:
    """Turn a heap into a list, best first."""
    for last in range(size - 1, 0, -1):
        score, row = scores[last], rows[last]
        scores[last], rows[last] = scores[0], rows[0]
        _sift_down(scores, rows, last, score, row)


@compiled
def _is_worse(score: np.float32, row: int, other: np.float32, other_row: int) -> bool:
    return bool(score < other or (score == other and row > other_row))
