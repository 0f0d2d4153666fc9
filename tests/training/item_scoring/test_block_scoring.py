"""Restricted scoring is full scoring with a mask: places, scores, ties, bonuses, exclusions."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.item_scoring import block_scoring, blocks, products
from training.item_scoring.block_scoring import (
    BlockQuery,
    BlockScorer,
    Bonus,
    RankedPlaces,
)
from training.item_scoring.blocks import EVERYWHERE, Blocks
from training.item_scoring.products import ONE_BY_ONE_UP_TO, multiply_into
from training.item_scoring.shared_blocks import NO_PLACE
from training.item_scoring.top_places import top_columns, top_of_row, top_places


@st.composite
def worlds(draw: st.DrawFn) -> tuple[BlockScorer, np.ndarray, list[Bonus], list[BlockQuery]]:
    """Vectors of small whole numbers: sums are exact, and equal scores abound."""
    sizes = draw(st.lists(st.integers(0, 7), min_size=1, max_size=6))
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    n_items, n_states = int(starts[-1]), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    vectors = rng.integers(-2, 3, (n_items, 3)).astype(np.float32)
    states = rng.integers(-2, 3, (n_states, 3)).astype(np.float32)
    places = st.sets(st.integers(0, n_items - 1) if n_items else st.nothing())
    ordered = places.map(lambda found: np.array(sorted(found), dtype=np.int64))
    bonuses = [
        Bonus(at, rng.integers(0, 4, len(at)).astype(np.float32))
        for at in (draw(ordered) for _ in range(n_states))
    ]
    plan = st.none() | st.sets(st.integers(0, len(sizes) - 1)).map(sorted)
    query = st.builds(
        BlockQuery, st.integers(0, n_states - 1), st.integers(0, 9), plan, places.map(frozenset)
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
    scores = scorer.score_all(states, bonuses)[query.row].tolist()
    allowed = [
        place
        for cluster, (first, end) in enumerate(pairwise(starts.tolist()))
        for place in range(first, end)
        if (query.clusters is None or cluster in query.clusters) and place not in query.excluded
    ]
    best = sorted(allowed, key=lambda place: (-scores[place], place))[: query.k]
    return best, [scores[place] for place in best]


def answer_of(ranked: RankedPlaces, number: int) -> tuple[list[int], list[float]]:
    there = ranked.places[number] != NO_PLACE
    assert np.all(ranked.scores[number][~there] == -np.inf)
    return ranked.places[number][there].tolist(), ranked.scores[number][there].tolist()


@given(
    worlds(),
    st.booleans(),
    st.sampled_from([0, 2, 6]),
    st.sampled_from([1, 40, 32_000_000]),
    st.sampled_from([0, 200_000]),
)
def test_every_answer_is_full_scoring_with_a_mask(
    world: tuple[BlockScorer, np.ndarray, list[Bonus], list[BlockQuery]],
    has_bonuses: bool,
    alone_up_to: int,
    cells_at_once: int,
    coarse_from: int,
) -> None:
    scorer, states, bonuses, queries = world
    starts = scorer.blocks.block_starts
    given_bonuses = bonuses if has_bonuses else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(block_scoring, "ALONE_UP_TO", alone_up_to)
        patch.setattr(block_scoring, "CELLS_AT_ONCE", cells_at_once)
        patch.setattr(blocks, "COARSE_FROM", coarse_from)
        ranked = scorer.rank(states, queries, given_bonuses)
    for number, query in enumerate(queries):
        expected = rank_by_mask(scorer, states, starts, given_bonuses, query)
        assert answer_of(ranked, number) == expected


def test_a_bonus_moves_an_item_up_for_its_own_history_only() -> None:
    scorer = BlockScorer(np.eye(4, dtype=np.float32), np.array([0, 2, 4]))
    states = np.array([[4, 3, 2, 1], [4, 3, 2, 1]], dtype=np.float32)
    bonuses = [
        Bonus(np.array([1, 3]), np.array([2, 2.5], dtype=np.float32)),
        Bonus(np.array([], dtype=np.int64), np.array([], dtype=np.float32)),
    ]
    queries = [BlockQuery(0, 2), BlockQuery(1, 2), BlockQuery(0, 2, [1]), BlockQuery(1, 1, [0, 1])]
    ranked = scorer.rank(states, queries, bonuses)
    assert ranked.places.tolist() == [[1, 0], [0, 1], [3, 2], [0, NO_PLACE]]
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
    assert np.array_equal(ranked.places, clean.rank(states, queries).places)
    assert np.isfinite(ranked.scores).all()


@pytest.mark.parametrize("cluster", [-1, 2])
def test_a_cluster_that_does_not_exist_is_refused(cluster: int) -> None:
    scorer = BlockScorer(np.eye(4, dtype=np.float32), np.array([0, 2, 4]))
    with pytest.raises(ValueError, match=f"no cluster {cluster} of 2"):
        scorer.rank(np.ones((1, 4), dtype=np.float32), [BlockQuery(0, 1, [cluster])])


@pytest.mark.parametrize("one_by_one_from", [0, 300])
@pytest.mark.parametrize("number", [0, 1, EVERYWHERE])
@pytest.mark.parametrize("n_states", [1, 2, ONE_BY_ONE_UP_TO, ONE_BY_ONE_UP_TO + 1])
def test_products_fill_their_rows(
    n_states: int, number: int, one_by_one_from: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "ONE_BY_ONE_FROM", one_by_one_from)
    rng = np.random.default_rng(n_states)
    states = rng.integers(-3, 4, (n_states, 5)).astype(np.float32)
    cut = Blocks(rng.integers(-3, 4, (7, 5)).astype(np.float32), np.array([0, 3, 7]))
    expected = states @ cut.vectors_of[number].T
    rows = [np.full(expected.shape[1], 99, dtype=np.float32) for _ in states]
    multiply_into(rows, states, cut, number)
    assert np.array_equal(np.stack(rows), expected)


SCORES = st.lists(st.sampled_from([-np.inf, 0.0, 1.0, 2.0, 3.0]), max_size=12)


@given(SCORES, st.integers(0, 8))
def test_top_places_is_a_stable_sort(scores: list[float], k: int) -> None:
    order = sorted(range(len(scores)), key=lambda place: (-scores[place], place))
    expected = [place for place in order if np.isfinite(scores[place])][:k]
    row = np.array(scores, dtype=np.float32)
    assert top_places(row, k).tolist() == expected
    assert top_of_row(row, k) == ([scores[place] for place in expected], expected)
    values, columns = top_columns(np.stack([row, row]), k)
    for of_row, at in zip(values, columns, strict=True):
        assert at[of_row > -np.inf].tolist() == expected
        assert np.all(of_row[len(expected) :] == -np.inf)


def test_a_query_answers_alike_alone_and_among_others() -> None:
    rng = np.random.default_rng(3)
    scorer = BlockScorer(rng.standard_normal((500, 8), dtype=np.float32), np.arange(0, 501, 50))
    states = rng.standard_normal((9, 8), dtype=np.float32)
    queries = [BlockQuery(row, 5, sorted({row, (row * 7) % 10})) for row in range(9)]
    together = scorer.rank(states, queries)
    for row, query in enumerate(queries):
        alone = scorer.rank(states[row : row + 1], [replace(query, row=0)])
        assert np.array_equal(together.places[row], alone.places[0])
        assert together.scores[row] == pytest.approx(alone.scores[0], abs=1e-5)


def test_queries_of_one_state_for_a_block_each_share_one_pass() -> None:
    """Also where two ask for the same block and bar different places."""
    scorer = BlockScorer(np.eye(6, dtype=np.float32), np.array([0, 2, 4, 6]))
    states = np.array([[6, 5, 4, 3, 2, 1]], dtype=np.float32)
    plans = ([2], [0], [2], None, [0, 2])
    barred = ({4}, set(), {5}, {0}, {0, 1, 4})
    queries = [BlockQuery(0, 2, plan, bar) for plan, bar in zip(plans, barred, strict=True)]
    ranked = scorer.rank(states, queries)
    assert ranked.places.tolist() == [[5, NO_PLACE], [0, 1], [4, NO_PLACE], [1, 2], [5, NO_PLACE]]
