"""Best of n: a model that knows users reorders their proposals, one that does not is unheard."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.worlds.alignment import draw_alignment, keep_order
from training.alignment.alignment import Alignment, Proposals, fit_alignment, weigh_proposals
from training.baselines.clusters.logistic import N_FEATURE_GROUPS, LogisticModel

N = 12


def likes_the_next() -> LogisticModel:
    """A user model that expects cluster c + 1 after a like of cluster c."""
    weights = np.zeros((N_FEATURE_GROUPS * N + 1, N), dtype=np.float32)
    weights[np.arange(N), (np.arange(N) + 1) % N] = 3.0
    return LogisticModel(weights, np.zeros(N, dtype=np.float32), 0.8)


def one_group(clusters: np.ndarray) -> np.ndarray:
    return np.zeros(clusters.shape, dtype=np.int8)


def nothing(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clusters, scores and groups of plans that list nothing."""
    clusters = np.zeros(shape, dtype=np.int64)
    return clusters, np.full(shape, -np.inf), one_group(clusters)


def draw_proposals(rng: np.random.Generator, n_users: int, width: int = 6) -> Proposals:
    """Plans of random length in falling scores, for users with one liked cluster each."""
    clusters = np.full((n_users, width), -1, dtype=np.int64)
    scores = np.full((n_users, width), -np.inf)
    liked = rng.integers(N, size=n_users)
    for row, cluster in enumerate(liked):
        length = int(rng.integers(0, width + 1))
        others = rng.permutation([c for c in range(N) if c != cluster])
        clusters[row, :length] = others[:length]
        scores[row, :length] = -np.sort(rng.exponential(size=length))
    states = [[int(cluster)] for cluster in liked]
    return Proposals(states, states, clusters, scores, one_group(clusters))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8))
def test_an_order_is_a_permutation_that_leaves_what_is_not_there_at_the_end(
    seed: int, width: int
) -> None:
    rng = np.random.default_rng(seed)
    proposals = draw_proposals(rng, 5, width)
    order = draw_alignment(rng, N).order(proposals)
    assert np.array_equal(np.sort(order, axis=1), np.tile(np.arange(width), (5, 1)))
    moved = np.take_along_axis(proposals.listed, order, axis=1)
    assert np.array_equal(moved, proposals.listed)
    assert np.array_equal(keep_order(N).order(proposals)[:, :1], np.zeros((5, 1)))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_groups_keep_their_places_and_are_in_the_order_of_all_within_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    proposals, alignment = draw_proposals(rng, 5), draw_alignment(rng, N)
    groups = rng.integers(0, 3, size=proposals.clusters.shape).astype(np.int8)
    free = alignment.order(proposals)
    order = alignment.order(replace(proposals, groups=groups))
    assert np.array_equal(np.sort(order, axis=1), np.sort(free, axis=1))
    listed = proposals.listed
    kept = np.take_along_axis(groups, order, axis=1)
    assert np.array_equal(kept[listed], groups[listed])
    for row in range(5):
        for group in range(3):
            places = np.flatnonzero(listed[row] & (groups[row] == group))
            assert order[row, places].tolist() == [p for p in free[row] if p in places]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_a_user_is_aligned_alike_alone_and_among_others(seed: int) -> None:
    rng = np.random.default_rng(seed)
    proposals, alignment = draw_proposals(rng, 4), draw_alignment(rng, N)
    together = alignment.order(proposals)
    for row in range(4):
        alone = Proposals(
            proposals.histories[row : row + 1],
            proposals.consumed[row : row + 1],
            proposals.clusters[row : row + 1],
            proposals.scores[row : row + 1],
            proposals.groups[row : row + 1],
        )
        assert alignment.order(alone)[0].tolist() == together[row].tolist()


def test_the_plan_keeps_its_order_where_the_user_model_has_no_say() -> None:
    proposals = draw_proposals(np.random.default_rng(1), 50)
    assert np.array_equal(keep_order(N).order(proposals), np.tile(np.arange(6), (50, 1)))


def test_a_user_model_that_knows_is_heard_and_puts_its_choice_first() -> None:
    proposals = draw_proposals(np.random.default_rng(2), 400)
    wanted = [frozenset({(state[0] + 1) % N}) for state in proposals.histories]
    fitted = fit_alignment(likes_the_next(), proposals, wanted, penalty=1.0)
    assert fitted.gain > 10 * fitted.gain_error > 0
    order = fitted.alignment.order(proposals)
    first = np.take_along_axis(proposals.clusters, order, axis=1)[:, 0]
    for row, positives in enumerate(wanted):
        if positives & set(proposals.clusters[row].tolist()):
            assert first[row] in positives


def test_a_user_model_that_knows_nothing_has_no_say() -> None:
    rng = np.random.default_rng(3)
    proposals = draw_proposals(rng, 400)
    wanted = [frozenset(row[:1].tolist()) - {-1} for row in proposals.clusters]
    fitted = fit_alignment(draw_alignment(rng, N).user_model, proposals, wanted, penalty=0.0)
    assert fitted.alignment.user_weight == 0.0
    assert fitted.gain <= 2 * fitted.gain_error
    assert np.array_equal(fitted.alignment.order(proposals), keep_order(N).order(proposals))


def test_a_likelier_order_that_drops_what_was_liked_from_the_first_places_is_not_taken() -> None:
    """Eleven proposals: most users like what the model knows, from place 5; the last in ten likes
    what stands tenth, which the model's choice in place 11 would push out."""
    clusters, wanted = [], []
    for user in range(200):
        liked, known = user % N, (user + 1) % N
        row = [c for c in range(N) if c not in (liked, known)]
        row.insert(10 if user % 10 == 9 else 4, known)
        clusters.append(row)
        wanted.append(frozenset({row[9] if user % 10 == 9 else known}))
    states = [[user % N] for user in range(200)]
    scores = np.tile(-np.arange(11.0), (200, 1))
    proposals = Proposals(states, states, np.array(clusters), scores, one_group(np.array(clusters)))
    fitted = fit_alignment(likes_the_next(), proposals, wanted, penalty=1.0)
    assert fitted.gain > 2 * fitted.gain_error > 0
    assert fitted.recall_gain == pytest.approx(-0.1)
    assert fitted.alignment.user_weight == 0.0


@pytest.mark.parametrize("wanted", [frozenset({0}), frozenset[int]()])
def test_without_cases_that_tell_the_plan_stays(wanted: frozenset[int]) -> None:
    alone = Proposals([[1], [2]], [[1], [2]], *nothing((2, 3)))
    fitted = fit_alignment(likes_the_next(), alone, [wanted, wanted], penalty=1.0)
    assert (fitted.alignment.plan_weight, fitted.alignment.user_weight) == (1.0, 0.0)
    nobody = Proposals([], [], *nothing((0, 3)))
    assert fit_alignment(likes_the_next(), nobody, [], penalty=1.0).loss == 0.0


def test_the_weights_are_those_of_the_greatest_likelihood() -> None:
    rng = np.random.default_rng(4)
    proposals = draw_proposals(rng, 300)
    wanted = [
        frozenset({(state[0] + 1) % N if rng.random() < 0.4 else int(rng.integers(N))})
        for state in proposals.histories
    ]
    fitted = fit_alignment(likes_the_next(), proposals, wanted, penalty=0.0)
    plan, user = fitted.alignment.plan_weight, fitted.alignment.user_weight
    assert user > 0
    best = loss_of(fitted.alignment, proposals, wanted)
    assert fitted.loss == pytest.approx(best, abs=1e-6)
    for other in ((plan + 0.05, user), (max(plan - 0.05, 0), user), (plan, user + 0.05)):
        assert loss_of(Alignment(likes_the_next(), *other), proposals, wanted) >= best - 1e-9


def loss_of(alignment: Alignment, proposals: Proposals, wanted: list[frozenset[int]]) -> float:
    """The mean loss, case by case, in plain words."""
    plan, user = weigh_proposals(alignment.user_model, proposals)
    losses = []
    for row, positives in enumerate(wanted):
        listed = proposals.listed[row]
        logits: NDArray[np.float64] = (
            alignment.plan_weight * plan[row] + alignment.user_weight * user[row]
        )[listed]
        liked = np.isin(proposals.clusters[row][listed], list(positives))
        if liked.any() and not liked.all():
            losses.append(np.log(np.exp(logits).sum()) - logits[liked].mean())
    return float(np.mean(losses))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_the_compiled_order_is_that_of_the_scores_that_weights_are_fitted_on(seed: int) -> None:
    rng = np.random.default_rng(seed)
    proposals, alignment = draw_proposals(rng, 5), draw_alignment(rng, N)
    plan, user = weigh_proposals(alignment.user_model, proposals)
    both = np.round(alignment.plan_weight * plan + alignment.user_weight * user, 9)
    ranked = np.argsort(-np.where(proposals.listed, both, -np.inf), axis=1, kind="stable")
    assert np.array_equal(alignment.order(proposals), ranked)
