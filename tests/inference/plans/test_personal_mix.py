"""A mix is one person's own: who leans far gets more places there, and all together keep to it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog

from inference.plans.config import Mix, PlanConfig
from inference.plans.deal import deal
from inference.plans.personal_mix import find_mixes, find_prices
from training.alignment.reference_plans import NOBODY, PLACES, sample_plans
from training.clusters.distance import DISTANCES, KNOWN

ADJACENT, NEW_FAMILY, NEW_FIELD = range(len(DISTANCES))
MIX = Mix(adjacent=1, new_family=2, new_field=2)
WEIGHTS = st.tuples(*[st.integers(0, 4)] * 3).filter(any)
Plans = tuple[NDArray[np.float64], NDArray[np.int8]]


def draw_people(seed: int, n_people: int, n_clusters: int, least_code: int = KNOWN) -> Plans:
    """Scores and distances of people who lean as chance says."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(least_code, len(DISTANCES), (n_people, n_clusters)).astype(np.int8)
    lean = np.take_along_axis(2 * rng.normal(size=(n_people, 3)), np.maximum(codes, 0), axis=1)
    scores = rng.normal(size=codes.shape) + lean
    return np.where(codes == KNOWN, -np.inf, scores), codes


def share_places(places: NDArray[np.int64], codes: NDArray[np.int8]) -> NDArray[np.float64]:
    """What share of all places each distance has."""
    found = np.take_along_axis(codes, np.maximum(places, 0), axis=1)[places >= 0]
    return np.bincount(found, minlength=3) / len(found)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), WEIGHTS)
def test_all_people_together_have_the_places_that_the_mix_deals_to_everybody_alike(
    seed: int, weights: tuple[int, ...]
) -> None:
    scores, codes = draw_people(seed, 200, 64)
    mix = Mix(**dict(zip(DISTANCES, map(float, weights), strict=True)))
    mixes = find_mixes(scores, codes, PlanConfig(mix=mix), sample_plans(scores, codes))
    personal, alike = (deal(scores, codes, each, PLACES) for each in (mixes, mix))
    # one place of 2,000 is .0005; the search ends within a few of them
    assert share_places(personal, codes) == pytest.approx(share_places(alike, codes), abs=0.01)


def test_the_mix_of_all_is_reached_though_some_have_nothing_left_there() -> None:
    scores, codes = draw_people(0, 400, 64)
    codes[:200][codes[:200] == NEW_FIELD] = KNOWN
    scores[codes == KNOWN] = -np.inf
    reference, config = sample_plans(scores, codes), PlanConfig(mix=MIX)
    found = {}
    for is_of_all in (False, True):
        own = find_mixes(
            scores, codes, config.model_copy(update={"mix_of_all": is_of_all}), reference
        )
        found[is_of_all] = share_places(deal(scores, codes, own, PLACES), codes)
    assert found[True] == pytest.approx([0.2, 0.4, 0.4], abs=0.01)
    assert found[False][NEW_FIELD] == pytest.approx(0.2, abs=0.01)  # of half the people


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), WEIGHTS.filter(all))
def test_no_other_way_to_give_out_as_many_places_has_more_probability(
    seed: int, weights: tuple[int, ...]
) -> None:
    scores, codes = draw_people(seed, 12, 15, ADJACENT)
    mix = Mix(**dict(zip(DISTANCES, map(float, weights), strict=True)))
    mixes = find_mixes(scores, codes, PlanConfig(mix=mix), sample_plans(scores, codes))
    places = deal(scores, codes, mixes, PLACES)
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    ours = np.take_along_axis(chances, places, axis=1).sum()
    of_person = np.kron(np.eye(12), np.ones(15))  # everybody has ten places, each cluster one
    of_distance = np.stack([(codes == code).ravel() for code in range(3)])
    totals = np.bincount(np.take_along_axis(codes, places, axis=1).ravel(), minlength=3)
    best = linprog(
        -chances.ravel(),
        A_eq=np.vstack([of_person, of_distance]),
        b_eq=[*[PLACES] * 12, *totals],
        bounds=(0, 1),
    )
    assert best.success
    assert ours == pytest.approx(-best.fun, abs=1e-4)  # prices are rounded to 1e-6


def test_who_leans_far_gets_more_places_there() -> None:
    scores, codes = draw_people(1, 300, 64)
    mixes = find_mixes(scores, codes, PlanConfig(mix=MIX), sample_plans(scores, codes))
    assert mixes is not None
    assert mixes.sum(axis=1) == pytest.approx(1)
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    lean = np.where(codes == NEW_FIELD, chances, 0).sum(axis=1)
    assert np.corrcoef(mixes[:, NEW_FIELD], lean)[0, 1] > 0.8


def test_a_distance_that_a_mix_leaves_out_gets_no_place_however_somebody_leans() -> None:
    scores, codes = draw_people(2, 50, 64)
    far = Mix(adjacent=0, new_family=1, new_field=1)
    mixes = find_mixes(scores, codes, PlanConfig(mix=far), sample_plans(scores, codes))
    assert mixes is not None
    assert not mixes[:, ADJACENT].any()


def test_only_what_may_be_planned_has_places() -> None:
    scores, codes = draw_people(3, 50, 64)
    reference = sample_plans(scores, codes)
    config = PlanConfig(mix=MIX, novelty="new_family")
    offered = np.where(codes >= NEW_FAMILY, scores, -np.inf)
    mixes = find_mixes(offered, codes, config, reference)
    assert mixes is not None
    assert not mixes[:, ADJACENT].any()
    # places of adjacent ones go to the next distance, as in any dealt plan
    assert mixes.mean(axis=0) == pytest.approx([0, 0.6, 0.4], abs=0.02)
    near = Mix(adjacent=1, new_family=0, new_field=0)
    config = PlanConfig(mix=near, mix_of_all=True, novelty="new_field")
    asked = find_mixes(offered, codes, config, reference)
    assert asked is not None  # of a mix that has nothing far enough nothing is made
    assert np.array_equal(asked / asked.sum(axis=1, keepdims=True), [[1, 0, 0]] * 50)


def test_a_plan_of_nothing_gets_the_mix_that_is_asked_for() -> None:
    nothing, known = np.full((1, 3), -np.inf), np.full((1, 3), KNOWN, dtype=np.int8)
    reference = sample_plans(*draw_people(4, 20, 64))
    mixes = find_mixes(nothing, known, PlanConfig(mix=MIX), reference)
    assert mixes is not None
    assert mixes / mixes.sum() == pytest.approx(np.array([[0.2, 0.4, 0.4]]))


def test_without_reference_or_mix_all_have_the_same() -> None:
    scores, codes = draw_people(5, 3, 8)
    reference = sample_plans(scores, codes)
    alike = PlanConfig(mix=MIX, personal_mix=False)
    for config, plans in (
        (PlanConfig(mix=MIX), NOBODY),
        (alike, reference),
        (PlanConfig(), reference),
    ):
        assert find_mixes(scores, codes, config, plans) is None


def test_prices_are_the_same_at_any_scale_of_the_catalogue() -> None:
    scores, codes = draw_people(6, 300, 1500)  # a cluster has a thousandth of the probability
    reference = sample_plans(scores, codes)
    mixes = find_mixes(scores, codes, PlanConfig(mix=MIX, mix_of_all=True), reference)
    assert mixes is not None
    assert mixes.mean(axis=0) == pytest.approx([0.2, 0.4, 0.4], abs=0.01)
    assert np.isfinite(find_prices(reference, MIX.weights, ADJACENT, True)).all()
