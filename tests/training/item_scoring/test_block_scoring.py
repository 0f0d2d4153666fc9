"""Restricted scoring is full scoring with a mask: rows, scores, ties, bonuses, exclusions."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from training.item_scoring.block_scoring import (
    BlockQuery,
    BlockScorer,
    Bonus,
    RankedItems,
)
from training.item_scoring.block_search import (
    N_MAXIMA,
    NO_ITEM,
    QUEUE_SIZE,
    TILE_ITEMS,
)
from training.item_scoring.top_k import top_k

pytestmark = pytest.mark.usefixtures("compiled_search")


@st.composite
def worlds(draw: st.DrawFn) -> tuple[BlockScorer, np.ndarray, list[Bonus], list[BlockQuery]]:
    """Vectors of small whole numbers: sums are exact, and equal scores abound."""
    sizes = draw(st.lists(st.integers(0, 7), min_size=1, max_size=6))
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    n_items, n_states = int(starts[-1]), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    vectors = rng.integers(-2, 3, (n_items, 3)).astype(np.float32)
    states = rng.integers(-2, 3, (n_states, 3)).astype(np.float32)
    rows = st.sets(st.integers(0, n_items - 1) if n_items else st.nothing())
    ordered = rows.map(lambda found: np.array(sorted(found), dtype=np.int64))
    bonuses = [
        Bonus(at, rng.integers(0, 4, len(at)).astype(np.float32))
        for at in (draw(ordered) for _ in range(n_states))
    ]
    plan = st.none() | st.sets(st.integers(0, len(sizes) - 1)).map(sorted)
    query = st.builds(
        BlockQuery, st.integers(0, n_states - 1), st.integers(0, 9), plan, rows.map(frozenset)
    )
    queries = draw(st.lists(query, max_size=12))
    return BlockScorer(vectors, starts), states, bonuses, queries


def rank_by_mask(
    scorer: BlockScorer,
    states: np.ndarray,
    starts: np.ndarray,
    bonuses: list[Bonus] | None,
    query: BlockQuery,
) -> tuple[list[int], list[float]]:
    """The oracle: everything is scored, masked and sorted."""
    scores = scorer.score_all(states, bonuses)[query.state].tolist()
    allowed = [
        row
        for cluster, (first, end) in enumerate(pairwise(starts.tolist()))
        for row in range(first, end)
        if (query.clusters is None or cluster in query.clusters) and row not in query.excluded
    ]
    best = sorted(allowed, key=lambda row: (-scores[row], row))[: query.k]
    return best, [scores[row] for row in best]


def answer_of(ranked: RankedItems, number: int) -> tuple[list[int], list[float]]:
    there = ranked.rows[number] != NO_ITEM
    assert np.all(ranked.scores[number][~there] == -np.inf)
    return ranked.rows[number][there].tolist(), ranked.scores[number][there].tolist()


@given(worlds(), st.booleans())
def test_every_answer_is_full_scoring_with_a_mask(
    world: tuple[BlockScorer, np.ndarray, list[Bonus], list[BlockQuery]], has_bonuses: bool
) -> None:
    scorer, states, bonuses, queries = world
    given_bonuses = bonuses if has_bonuses else None
    ranked = scorer.rank(states, queries, given_bonuses)
    for number, query in enumerate(queries):
        expected = rank_by_mask(scorer, states, scorer.block_starts, given_bonuses, query)
        assert answer_of(ranked, number) == expected


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 3, 50]), st.booleans())
@settings(max_examples=25)
def test_so_it_is_where_blocks_are_long_and_nearly_all_scores_equal(
    seed: int, n_values: int, is_rising: bool
) -> None:
    """More ties than may wait, stretches of every length, and each item better than the last."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 2 * TILE_ITEMS, 5)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    n_items = int(starts[-1])
    vectors = rng.integers(0, n_values, (n_items, 2)).astype(np.float32)
    if is_rising:
        vectors.sort(axis=0)
    scorer = BlockScorer(vectors, starts)
    states = rng.integers(0, 3, (3, 2)).astype(np.float32)
    bonuses = []
    for _ in states:
        at = np.sort(rng.choice(n_items, n_items // 9, replace=False))
        bonuses.append(Bonus(at, rng.integers(0, 3, len(at)).astype(np.float32)))
    queries = [
        BlockQuery(
            int(rng.integers(3)),
            int(rng.choice([1, 10, N_MAXIMA, N_MAXIMA + 1, 2 * QUEUE_SIZE])),
            None if rng.random() < 0.3 else np.flatnonzero(rng.random(5) < 0.6).tolist(),
            frozenset(rng.choice(n_items, n_items // 4, replace=False).tolist()),
        )
        for _ in range(6)
    ]
    ranked = scorer.rank(states, queries, bonuses)
    for number, query in enumerate(queries):
        expected = rank_by_mask(scorer, states, starts, bonuses, query)
        assert answer_of(ranked, number) == expected


NUMBERS = st.floats(-100, 100, width=32) | st.sampled_from([0.0, 1e-6, -1e-6, 1e-30, 1e4])
VECTORS = st.integers(1, 60).flatmap(lambda n: arrays(np.float32, (n, 4), elements=NUMBERS))


@given(VECTORS, arrays(np.float32, 4, elements=NUMBERS), st.integers(1, 8), st.data())
def test_the_best_are_never_lost_to_quantisation(
    vectors: np.ndarray, state: np.ndarray, k: int, data: st.DataObject
) -> None:
    rows = st.sets(st.integers(0, len(vectors) - 1)).map(sorted)
    at = np.array(data.draw(rows), dtype=np.int64)
    values = data.draw(arrays(np.float32, len(at), elements=st.floats(0, 5, width=32)))
    scorer = BlockScorer(vectors, np.array([0, len(vectors)]))
    ranked = scorer.rank(state[None], [BlockQuery(0, k)], [Bonus(at, values)])
    scores = vectors.astype(np.float64) @ state.astype(np.float64)
    scores[at] += values
    found, found_scores = answer_of(ranked, 0)
    rounding = 1e-6 * (np.linalg.norm(vectors, axis=1) * np.linalg.norm(state) + 5)  # float32's
    assert len(set(found)) == len(found) == min(k, len(vectors))
    assert np.all(np.abs(scores[found] - found_scores) <= rounding[found])
    others = np.setdiff1d(np.arange(len(vectors)), found)
    assert np.all(scores[others] - rounding[others] <= found_scores[-1])


@pytest.mark.parametrize("clusters", [None, [0, 2, 3]])
def test_only_what_may_be_among_the_best_is_scored_exactly(clusters: list[int] | None) -> None:
    """The vectors of all others are spoilt once they are quantised."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((20_000, 32), dtype=np.float32)
    starts = np.arange(0, 20_001, 5_000)
    state = rng.standard_normal((1, 32), dtype=np.float32)
    spoilt = BlockScorer(vectors.copy(), starts)
    spoilt.prepare()
    allowed = np.isin(np.arange(20_000) // 5_000, [0, 1, 2, 3] if clusters is None else clusters)
    order = np.argsort(np.where(allowed, -(vectors @ state[0]), np.inf), kind="stable")
    spoilt.vectors[order[30:]] = np.nan
    query = BlockQuery(0, 10, clusters)
    ranked = spoilt.rank(state, [query])
    assert ranked.rows[0].tolist() == order[:10].tolist()
    assert np.array_equal(ranked.scores, BlockScorer(vectors, starts).rank(state, [query]).scores)


def test_a_bonus_moves_an_item_up_for_its_own_history_only() -> None:
    scorer = BlockScorer(np.eye(4, dtype=np.float32), np.array([0, 2, 4]))
    states = np.array([[4, 3, 2, 1], [4, 3, 2, 1]], dtype=np.float32)
    bonuses = [
        Bonus(np.array([1, 3]), np.array([2, 2.5], dtype=np.float32)),
        Bonus(np.array([], dtype=np.int64), np.array([], dtype=np.float32)),
    ]
    queries = [BlockQuery(0, 2), BlockQuery(1, 2), BlockQuery(0, 2, [1]), BlockQuery(1, 1, [0, 1])]
    ranked = scorer.rank(states, queries, bonuses)
    assert ranked.rows.tolist() == [[1, 0], [0, 1], [3, 2], [0, NO_ITEM]]
    assert ranked.scores[:3].tolist() == [[5, 4], [4, 3], [3.5, 2]]


@pytest.mark.parametrize("n_queries", [1, 8])
def test_only_named_blocks_are_touched(n_queries: int) -> None:
    """Poisoned vectors outside the plans would show as NaN in any score they take part in."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((40, 4), dtype=np.float32)
    starts = np.arange(0, 41, 10)
    clean = BlockScorer(vectors.copy(), starts)
    vectors[10:30] = np.nan
    states = rng.standard_normal((n_queries, 4), dtype=np.float32)
    queries = [BlockQuery(row, 20, [0, 3]) for row in range(n_queries)]
    ranked = BlockScorer(vectors, starts).rank(states, queries)
    assert np.array_equal(ranked.rows, clean.rank(states, queries).rows)
    assert np.isfinite(ranked.scores).all()


@pytest.mark.parametrize("cluster", [-1, 2])
def test_a_cluster_that_does_not_exist_is_refused(cluster: int) -> None:
    scorer = BlockScorer(np.eye(4, dtype=np.float32), np.array([0, 2, 4]))
    with pytest.raises(ValueError, match=f"no cluster {cluster} of 2"):
        scorer.rank(np.ones((1, 4), dtype=np.float32), [BlockQuery(0, 1, [cluster])])


SCORES = st.lists(st.sampled_from([-np.inf, 0.0, 1.0, 2.0, 3.0]), max_size=12)


@given(SCORES, st.integers(0, 8))
def test_top_k_is_a_stable_sort(scores: list[float], k: int) -> None:
    order = sorted(range(len(scores)), key=lambda row: (-scores[row], row))
    expected = [row for row in order if np.isfinite(scores[row])][:k]
    row = np.array(scores, dtype=np.float32)
    assert top_k(row, k).tolist() == expected


def test_a_query_answers_alike_alone_and_among_others() -> None:
    rng = np.random.default_rng(3)
    scorer = BlockScorer(rng.standard_normal((500, 8), dtype=np.float32), np.arange(0, 501, 50))
    states = rng.standard_normal((9, 8), dtype=np.float32)
    queries = [BlockQuery(row, 5, sorted({row, (row * 7) % 10})) for row in range(9)]
    together = scorer.rank(states, queries)
    for row, query in enumerate(queries):
        alone = scorer.rank(states[row : row + 1], [replace(query, state=0)])
        assert np.array_equal(together.rows[row], alone.rows[0])
        assert np.array_equal(together.scores[row], alone.scores[0])


def test_queries_of_one_state_for_a_block_each_share_one_pass() -> None:
    """Also where two ask for the same block and exclude different rows."""
    scorer = BlockScorer(np.eye(6, dtype=np.float32), np.array([0, 2, 4, 6]))
    states = np.array([[6, 5, 4, 3, 2, 1]], dtype=np.float32)
    plans = ([2], [0], [2], None, [0, 2])
    excluded = ({4}, set(), {5}, {0}, {0, 1, 4})
    queries = [BlockQuery(0, 2, plan, banned) for plan, banned in zip(plans, excluded, strict=True)]
    ranked = scorer.rank(states, queries)
    assert ranked.rows.tolist() == [[5, NO_ITEM], [0, 1], [4, NO_ITEM], [1, 2], [5, NO_ITEM]]
