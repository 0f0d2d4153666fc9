"""Places are dealt out as the mix says, best first, and what is missing comes from the next."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from expectations.contracts.values import NO_CLUSTER
from inference.plans.config import Mix
from inference.plans.deal import deal
from training.clusters.distance import DISTANCES, KNOWN

mixes = st.tuples(*[st.integers(0, 5)] * 3).filter(any)


def mix_of(weights: tuple[int, ...]) -> Mix:
    return Mix(**dict(zip(DISTANCES, weights, strict=True)))


def order_places(mix: Mix, n_places: int) -> list[int]:
    """The distance that each place is meant for: of one that is dealt while none runs out."""
    codes = np.repeat(np.arange(len(DISTANCES), dtype=np.int8), n_places)[None]
    return codes[0, deal(np.zeros(codes.shape), codes, mix, n_places)[0]].tolist()


@given(st.integers(0, 10_000), mixes, st.integers(1, 14))
def test_each_place_has_the_best_left_at_its_distance_or_the_next(
    seed: int, weights: tuple[int, ...], depth: int
) -> None:
    rng = np.random.default_rng(seed)
    n_clusters, mix = 12, mix_of(weights)
    scores = rng.integers(0, 4, size=(3, n_clusters)).astype(float)  # many are equal
    distances = rng.integers(KNOWN, 3, size=scores.shape).astype(np.int8)
    scores[distances == KNOWN] = -np.inf
    dealt = deal(scores, distances, mix, depth)
    assert dealt.shape == (3, min(depth, n_clusters))
    for row, (given_scores, apart) in enumerate(zip(scores, distances, strict=True)):
        left = [c for c in range(n_clusters) if np.isfinite(given_scores[c])]
        for place, wanted in enumerate(order_places(mix, dealt.shape[1])):
            if not left:
                assert dealt[row, place] == NO_CLUSTER
                continue
            turns = [*range(wanted, 3), *range(wanted - 1, -1, -1)]
            nearest = next(turn for turn in turns if turn in apart[left])
            best = min((c for c in left if apart[c] == nearest), key=lambda c: -given_scores[c])
            assert dealt[row, place] == best
            left.remove(best)


@given(mixes, st.integers(1, 40))
def test_every_distance_has_its_share_to_within_a_place(
    weights: tuple[int, ...], n_places: int
) -> None:
    order = order_places(mix_of(weights), n_places)
    for code, weight in enumerate(weights):
        assert abs(order.count(code) - n_places * weight / sum(weights)) < 1
        assert weight or code not in order


@given(st.integers(0, 10_000))
def test_a_plan_dealt_alone_is_the_plan_dealt_among_others(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scores, mixes = rng.normal(size=(5, 9)), rng.dirichlet([1.0] * len(DISTANCES), size=5)
    distances = rng.integers(0, len(DISTANCES), size=scores.shape).astype(np.int8)
    among = deal(scores, distances, mixes, 6)
    alone = [deal(scores[[u]], distances[[u]], mixes[[u]], 6)[0] for u in range(len(scores))]
    assert among.tolist() == np.array(alone).tolist()


def test_shares_that_differ_by_a_last_bit_are_equal() -> None:
    tenths = np.array([[0.1 + 0.2, 0.3, 0.4]])  # the first is above the second in floating point
    assert tenths[0, 0] > tenths[0, 1]
    exact = deal(np.zeros((1, 9)), np.array([[0, 1, 2] * 3], dtype=np.int8), mix_of((3, 3, 4)), 9)
    summed = deal(np.zeros((1, 9)), np.array([[0, 1, 2] * 3], dtype=np.int8), tenths, 9)
    assert summed.tolist() == exact.tolist()


def test_a_mix_of_one_distance_ranks_it_by_score_and_the_others_behind() -> None:
    scores = np.array([[5.0, 4.0, 3.0, 2.0, 1.0]])
    distances = np.array([[0, 2, 1, 2, 1]], dtype=np.int8)
    far = Mix(adjacent=0, new_family=0, new_field=1)
    assert deal(scores, distances, far, 5).tolist() == [[1, 3, 2, 4, 0]]


def test_a_mix_without_any_weight_is_refused() -> None:
    with pytest.raises(ValidationError, match="gives some distance a place"):
        Mix(adjacent=0, new_family=0, new_field=0)
