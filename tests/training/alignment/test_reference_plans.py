"""Reference plans hold how probable the best clusters at each distance are, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from training.alignment.reference_plans import (
    ABSENT,
    MAX_PEOPLE,
    NOBODY,
    PLACES,
    find_best,
    sample_plans,
)
from training.clusters.distance import DISTANCES, KNOWN

ADJACENT, NEW_FAMILY, NEW_FIELD = range(len(DISTANCES))


def test_probabilities_are_shares_of_the_whole_plan_best_first() -> None:
    scores = np.log([[0.1, 0.4, 0.2, 0.3], [4.0, 1.0, 5.0, 9.0]])
    codes = np.array(
        [[ADJACENT, NEW_FAMILY, ADJACENT, NEW_FIELD], [KNOWN, NEW_FIELD, NEW_FAMILY, ADJACENT]],
        dtype=np.int8,
    )
    scores[1, 0] = -np.inf  # known
    scores[1, 3] = -np.inf  # no row names it
    best, rest = find_best(scores, codes)
    assert best.shape == (2, len(DISTANCES), PLACES)
    assert best[0, :, :2].tolist() == [[0.2, 0.1], [0.4, ABSENT], [0.3, ABSENT]]
    assert best[1, :, 0] == pytest.approx([ABSENT, 5 / 6, 1 / 6], abs=1e-6)
    assert (best[:, :, 2:] == ABSENT).all()
    assert not rest.any()


def test_a_plan_of_nothing_is_absent() -> None:
    nothing, _ = find_best(np.full((2, 3), -np.inf), np.zeros((2, 3), np.int8))
    assert (nothing == ABSENT).all()
    assert not len(find_best(np.empty((0, 3)), np.empty((0, 3), np.int8))[0])


def test_only_the_ten_best_of_a_distance_are_kept() -> None:
    scores = np.log(np.arange(1.0, 21.0))[None]
    best, rest = find_best(scores, np.full((1, 20), NEW_FIELD, np.int8))
    assert best[0, NEW_FIELD] == pytest.approx(np.arange(20, 10, -1) / 210, abs=1e-6)
    assert rest[0] == pytest.approx([0, 0, 55 / 210])


def test_where_near_clusters_are_not_planned_the_others_share_the_plan() -> None:
    rng = np.random.default_rng(1)
    scores, codes = rng.normal(size=(5, 60)), rng.integers(0, 3, (5, 60)).astype(np.int8)
    reference = sample_plans(scores, codes)
    alone = sample_plans(np.where(codes >= NEW_FAMILY, scores, -np.inf), codes)
    # what is stored is rounded, and single precision
    found, expected = reference.from_distance(NEW_FAMILY), alone.from_distance(ADJACENT)
    assert sorted(found.ravel()) == pytest.approx(sorted(expected.ravel()), abs=1e-4)


def test_no_more_people_than_are_needed_in_an_order_that_says_nothing() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(MAX_PEOPLE + 100, 8))
    codes = rng.integers(0, 3, scores.shape).astype(np.int8)
    reference = sample_plans(scores, codes)
    assert len(reference) == MAX_PEOPLE
    some, again = sample_plans(scores[:400], codes[:400]), rng.permutation(400)
    shuffled = sample_plans(scores[again], codes[again])
    assert np.array_equal(shuffled.probabilities, some.probabilities)
    assert not len(sample_plans(np.empty((0, 8)), np.empty((0, 8), np.int8)))
    assert not len(NOBODY)
