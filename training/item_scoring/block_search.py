"""Finds the best items of each query in its blocks: coarsely by small integers, then exactly.

Items are kept a second time in eight bits a number. With ``v`` an item, ``v'`` what its integers
stand for, and ``u``, ``u'`` the same of a state (in sixteen bits), the product ``u v`` lies within
``|u - u'| |v| + |u'| |v - v'|`` of ``u' v'`` (Cauchy and Schwarz), rounding apart: a lower and an
upper bound of each score. An item whose upper bound lies below the k-th best lower bound met so far
is passed over; only the few that are left are scored in float32. A block is read once for all
queries that ask for it, and an answer is the same to the last bit whatever is asked beside it.

Everything here is compiled at its first use (`compiled.py`), and so stays in one file.

Shapes: I items, D dimension, W dimension rounded up to whole strips, C clusters, U states,
Q queries, N pieces (a piece is what one query asks of one block), K places wanted at most,
M places of all bonuses, X places of all exclusions.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from training.item_scoring.compiled import compiled, compiled_in_any_order

STRIP = 32
"""Integers are padded with zeros to a multiple of so many."""
AT_ONCE = 512
"""Items bounded at one time: they stay in a near cache for all queries that ask for them."""
WAITING = 64
"""Items of one query that may wait to be scored exactly."""
STRETCHES = 32
"""The first bar of a query is drawn from the maxima of so many parts of the first items."""
LARGEST_OF_ITEM = 127
LARGEST_OF_STATE = 32_767
LARGEST_SUM = 2**31 - 1
ROUNDING = 4 * float(np.finfo(np.float32).eps)
"""What one operation in float32 is off by, relatively and generously."""
UNDERFLOW = np.float32(1e-36)
"""More than is lost where products are too small for float32."""
LOWEST = np.finfo(np.float32).min
STEP, NORM, REST = range(3)
"""Columns of measures: what one of the integers counts, ``|v|``, ``|v - v'|``."""
ROW, DEPTH, N_BLOCKS = range(3)
"""Rows of queries: the state that asks, how many places at most, how many blocks."""
EVERYTHING = -1
"""The number of blocks of a query about the whole catalogue."""
N_BOUNDED, N_WAITING, N_FOUND = range(3)
NO_PLACE = -1


class Progress(NamedTuple):
    """How far each query has come. A heap has its worst place first.

    Attributes:
        scores: a heap of the best exact scores, float32 ``[Q, K]``.
        places: whose they are, int64 ``[Q, K]``.
        bounds: a heap of the best lower bounds, float32 ``[Q, K]``.
        bounded: whose they are, int64 ``[Q, K]``.
        waiting: places to be scored exactly, int64 ``[Q, WAITING]``.
        highs: their upper bounds, float32 ``[Q, WAITING]``.
        sizes: how many are bounded, waiting and found, int64 ``[Q, 3]``.
        bars: no item below is among the best of the query, float32 ``[Q]``.
    """

    scores: np.ndarray
    places: np.ndarray
    bounds: np.ndarray
    bounded: np.ndarray
    waiting: np.ndarray
    highs: np.ndarray
    sizes: np.ndarray
    bars: np.ndarray


@compiled_in_any_order
def shrink(vectors: np.ndarray, small: np.ndarray, measures: np.ndarray, largest: int) -> None:
    """Fill in the small integers of vectors.

    Args:
        vectors: float32 ``[n, D]``.
        small: zeros, of a type that holds ``largest``, ``[n, W]``.
        measures: float32 ``[n, 3]``; see ``STEP``.
        largest: the greatest of the integers.
    """
    for row in range(len(vectors)):
        top = np.float32(0)
        for at in range(vectors.shape[1]):
            top = max(top, abs(vectors[row, at]))
        step = max(np.float32(top / largest), np.finfo(np.float32).tiny)
        norm = rest = 0.0
        for at in range(vectors.shape[1]):
            number = float(vectors[row, at])
            count = np.rint(number / step)
            small[row, at] = count
            norm += number * number
            rest += (number - count * float(step)) ** 2
        measures[row, STEP] = step
        measures[row, NORM], measures[row, REST] = np.sqrt(norm), np.sqrt(rest)


@compiled
def search(
    strips: tuple[int, ...],
    vectors: np.ndarray,
    small: np.ndarray,
    measures: np.ndarray,
    block_starts: np.ndarray,
    states: np.ndarray,
    queries: np.ndarray,
    blocks: np.ndarray,
    bonus_places: np.ndarray,
    bonus_starts: np.ndarray,
    bonus_values: np.ndarray,
    barred_places: np.ndarray,
    barred_starts: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the best places of each query, best first, equal scores in order of place.

    Args:
        strips: W over ``STRIP`` zeros. Their number is part of the type, so that it is known when
            this is compiled: the loop over a row of integers is a third shorter for it.
        vectors: of the items in order of place, float32 ``[I, D]``.
        small: their integers up to ``LARGEST_OF_ITEM``, int8 ``[I, W]``.
        measures: of the items, float32 ``[I, 3]``.
        block_starts: cluster ``c`` fills the places ``block_starts[c]`` up to
            ``block_starts[c + 1]``, int64 ``[C + 1]``; block ``C`` is the whole catalogue.
        states: float32 ``[U, D]``.
        queries: int64 ``[3, Q]``; see ``ROW``.
        blocks: of one query after the other, ascending within each, int64 ``[N]``.
        bonus_places: of one state after the other, ascending within each, int64 ``[M]``.
        bonus_starts: where those of each state start, and the end, int64 ``[U + 1]``.
        bonus_values: what is added there, float32 ``[M]``.
        barred_places: that may not come back, of one query after the other, ascending within
            each, int64 ``[X]``.
        barred_starts: where those of each query start, and the end, int64 ``[Q + 1]``.

    Returns:
        Places and scores, int64 and float32 ``[Q, K]``; ``NO_PLACE`` and minus infinity where a
        query has no more answers.
    """
    progress = _begin(queries.shape[1], queries[DEPTH].max())
    small_states = np.zeros((len(states), small.shape[1]), np.int16)  # [U, W]
    of_states = np.empty((len(states), 3), np.float32)
    largest = min(LARGEST_OF_STATE, LARGEST_SUM // (LARGEST_OF_ITEM * states.shape[1]))
    shrink(states, small_states, of_states, largest)
    askers, edges = _turn(queries, blocks, len(block_starts))
    lows, highs = np.empty(AT_ONCE, np.float32), np.empty(AT_ONCE, np.float32)
    for block in range(len(block_starts)):
        if edges[block] == edges[block + 1]:
            continue
        is_cluster = block < len(block_starts) - 1
        block_first = block_starts[block] if is_cluster else 0
        block_end = block_starts[block + 1] if is_cluster else len(vectors)
        for first in range(block_first, block_end, AT_ONCE):
            end = min(first + AT_ONCE, block_end)
            rows, of_rows = small[first:end], measures[first:end]
            for asker in range(edges[block], edges[block + 1]):
                query = askers[asker]
                row, depth = queries[ROW, query], queries[DEPTH, query]
                if depth == 0:
                    continue
                start, stop = bonus_starts[row], bonus_starts[row + 1]
                _bound(strips, rows, of_rows, small_states[row], of_states[row], lows, highs)
                _add(bonus_places, bonus_values, start, stop, first, end, lows, highs)
                _strike(barred_places, barred_starts, query, first, end, lows, highs)
                if progress.sizes[query, N_BOUNDED] < depth:
                    bar = _find_bar(lows[: end - first], depth)
                    progress.bars[query] = max(progress.bars[query], bar)
                at = 0
                while at < end - first:
                    at = _pick(progress, query, depth, first, at, end - first, lows, highs)
                    if at < end - first:  # as many wait as may
                        n = _score(progress, query, vectors, states[row])
                        _keep(progress, query, depth, n, bonus_places, bonus_values, start, stop)
    for query in range(queries.shape[1]):
        row, depth = queries[ROW, query], queries[DEPTH, query]
        start, stop = bonus_starts[row], bonus_starts[row + 1]
        n = _score(progress, query, vectors, states[row])
        _keep(progress, query, depth, n, bonus_places, bonus_values, start, stop)
        _sort(progress.scores[query], progress.places[query], progress.sizes[query, N_FOUND])
    return progress.places, progress.scores


@compiled
def _begin(n_queries: int, depth: int) -> Progress:
    return Progress(
        np.full((n_queries, depth), -np.inf, np.float32),
        np.full((n_queries, depth), NO_PLACE),
        np.empty((n_queries, depth), np.float32),
        np.empty((n_queries, depth), np.int64),
        np.empty((n_queries, WAITING), np.int64),
        np.empty((n_queries, WAITING), np.float32),
        np.zeros((n_queries, 3), np.int64),
        np.full(n_queries, LOWEST, np.float32),
    )


@compiled
def _turn(queries: np.ndarray, blocks: np.ndarray, n_blocks: int) -> tuple[np.ndarray, np.ndarray]:
    """Return who asks for each block, queries ``[N]``, and where those of each block start.

    The last block is the whole catalogue.
    """
    edges = np.zeros(n_blocks + 1, np.int64)
    for block in blocks:
        edges[block + 1] += 1
    for n in queries[N_BLOCKS]:
        if n == EVERYTHING:
            edges[n_blocks] += 1
    for block in range(n_blocks):
        edges[block + 1] += edges[block]
    free = edges.copy()
    askers = np.empty(edges[n_blocks], np.int64)
    start = 0
    for query in range(queries.shape[1]):
        if queries[N_BLOCKS, query] == EVERYTHING:
            askers[free[n_blocks - 1]] = query
            free[n_blocks - 1] += 1
            continue
        stop = start + queries[N_BLOCKS, query]
        for block in blocks[start:stop]:
            askers[free[block]] = query
            free[block] += 1
        start = stop
    return askers, edges


@compiled
def _bound(
    strips: tuple[int, ...],
    rows: np.ndarray,
    of_rows: np.ndarray,
    state: np.ndarray,
    of_state: np.ndarray,
    lows: np.ndarray,
    highs: np.ndarray,
) -> None:
    """Fill in bounds of the products of a state with some items."""
    for at in range(len(rows)):
        row = rows[at]
        total = np.int32(0)
        for n in range(STRIP * len(strips)):
            total = np.int32(total + np.int32(row[n]) * np.int32(state[n]))
        highs[at] = total
    norm = of_state[NORM] + of_state[REST]  # of u' at most
    slack = of_state[REST] + np.float32(ROUNDING * (len(state) + 4)) * norm
    for at in range(len(rows)):
        middle = highs[at] * of_state[STEP] * of_rows[at, STEP]
        reach = slack * of_rows[at, NORM] + norm * of_rows[at, REST] + UNDERFLOW
        lows[at] = middle - reach
        highs[at] = middle + reach


@compiled
def _add(
    places: np.ndarray,
    values: np.ndarray,
    start: int,
    stop: int,
    first: int,
    end: int,
    lows: np.ndarray,
    highs: np.ndarray,
) -> None:
    """Add a bonus to bounds. Rounding is monotonic, so they stay bounds of score and bonus."""
    at = _seek(places, start, stop, first)
    while at < stop and places[at] < end:
        lows[places[at] - first] += values[at]
        highs[places[at] - first] += values[at]
        at += 1


@compiled
def _strike(
    places: np.ndarray,
    starts: np.ndarray,
    query: int,
    first: int,
    end: int,
    lows: np.ndarray,
    highs: np.ndarray,
) -> None:
    """Put the bounds of places that may not come back below any bar."""
    at = _seek(places, starts[query], starts[query + 1], first)
    while at < starts[query + 1] and places[at] < end:
        lows[places[at] - first] = highs[places[at] - first] = -np.inf
        at += 1


@compiled
def _find_bar(lows: np.ndarray, depth: int) -> np.float32:
    """Return a score that ``depth`` of some items reach: so many maxima of stretches do."""
    peaks = np.full(STRETCHES, LOWEST, np.float32)
    for start in range(0, len(lows), STRETCHES):
        part = lows[start : start + STRETCHES]
        for n in range(len(part)):
            peaks[n] = max(peaks[n], part[n])
    bar = LOWEST
    for peak in peaks:
        n_above = 0
        for other in peaks:
            if other >= peak:
                n_above += 1
        if n_above >= depth:
            bar = max(bar, peak)
    return bar


@compiled
def _pick(
    progress: Progress,
    query: int,
    depth: int,
    first: int,
    start: int,
    end: int,
    lows: np.ndarray,
    highs: np.ndarray,
) -> int:
    """Let items wait that may be among the best; return where it stopped for want of room."""
    bounds, bounded = progress.bounds[query], progress.bounded[query]
    waiting, waiting_highs = progress.waiting[query], progress.highs[query]
    size, n, bar = (
        progress.sizes[query, N_BOUNDED],
        progress.sizes[query, N_WAITING],
        progress.bars[query],
    )
    at = start
    while at < end:
        if highs[at] >= bar:
            if n == WAITING:
                break
            waiting[n], waiting_highs[n] = first + at, highs[at]
            n += 1
            size = _offer(bounds, bounded, size, depth, lows[at], first + at)
            if size == depth:
                bar = max(bar, bounds[0])
        at += 1
    progress.sizes[query, N_BOUNDED], progress.sizes[query, N_WAITING] = size, n
    progress.bars[query] = bar
    return at


@compiled
def _score(progress: Progress, query: int, vectors: np.ndarray, state: np.ndarray) -> int:
    """Score those of the waiting that still may be among the best; return how many they are.

    They are moved to the front, and their scores stand where their upper bounds stood.
    """
    waiting, highs, bar = progress.waiting[query], progress.highs[query], progress.bars[query]
    n = 0
    for at in range(progress.sizes[query, N_WAITING]):
        if highs[at] >= bar:
            waiting[n] = waiting[at]
            n += 1
    # Nothing here depends on a score, so the processor fetches several vectors at one time.
    for at in range(n):
        highs[at] = _multiply(vectors[waiting[at]], state)
    progress.sizes[query, N_WAITING] = 0
    return n


@compiled
def _keep(
    progress: Progress,
    query: int,
    depth: int,
    n_scored: int,
    bonus_places: np.ndarray,
    bonus_values: np.ndarray,
    start: int,
    stop: int,
) -> None:
    """Keep the best of the items just scored."""
    scores, places = progress.scores[query], progress.places[query]
    size = progress.sizes[query, N_FOUND]
    for at in range(n_scored):
        place, score = progress.waiting[query, at], progress.highs[query, at]
        found = _seek(bonus_places, start, stop, place)
        if found < stop and bonus_places[found] == place:
            score += bonus_values[found]
        size = _offer(scores, places, size, depth, score, place)
    progress.sizes[query, N_FOUND] = size
    if n_scored > 0 and size == depth:
        progress.bars[query] = max(progress.bars[query], scores[0])


@compiled_in_any_order
def _multiply(left: np.ndarray, right: np.ndarray) -> np.float32:
    total = np.float32(0)
    for at in range(len(left)):
        total += left[at] * right[at]
    return total


@compiled
def _seek(places: np.ndarray, start: int, stop: int, place: int) -> int:
    """Return where the first of some ascending places stands that is not below ``place``."""
    while start < stop:
        middle = (start + stop) // 2
        if places[middle] < place:
            start = middle + 1
        else:
            stop = middle
    return start


@compiled
def _offer(
    scores: np.ndarray, places: np.ndarray, size: int, depth: int, score: np.float32, place: int
) -> int:
    """Take a place into a heap of ``depth`` at most if it is good enough; return its size."""
    if size < depth:
        at = size
        while at > 0 and _is_worse(score, place, scores[(at - 1) // 2], places[(at - 1) // 2]):
            scores[at], places[at] = scores[(at - 1) // 2], places[(at - 1) // 2]
            at = (at - 1) // 2
        scores[at], places[at] = score, place
        return size + 1
    if size > 0 and _is_worse(scores[0], places[0], score, place):
        _sink(scores, places, size, score, place)
    return size


@compiled
def _sink(scores: np.ndarray, places: np.ndarray, size: int, score: np.float32, place: int) -> None:
    """Put a place where the first of a heap stood, and the heap in order again."""
    at = 0
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and _is_worse(
            scores[child + 1], places[child + 1], scores[child], places[child]
        ):
            child += 1
        if not _is_worse(scores[child], places[child], score, place):
            break
        scores[at], places[at] = scores[child], places[child]
        at = child
    scores[at], places[at] = score, place


@compiled
def _sort(scores: np.ndarray, places: np.ndarray, size: int) -> None:
    """Turn a heap into a list, best first."""
    for last in range(size - 1, 0, -1):
        score, place = scores[last], places[last]
        scores[last], places[last] = scores[0], places[0]
        _sink(scores, places, last, score, place)


@compiled
def _is_worse(score: np.float32, place: int, other: np.float32, other_place: int) -> bool:
    return bool(score < other or (score == other and place > other_place))
