"""The calibrated share finds what explored places earn, whatever the positions do to them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.experiment.calibration import LEAST_SHARE, MOST_SHARE, ShareCalibration
from inference.serving.exploration.blend import exploratory_positions

PERSISTENCE = 0.85
COUNT = 10
MANY = 20_000
"""Lists of a round: some 1,500 likes of last items, so that a ratio of two rates is within 4%."""
TOLERANCE = 0.15
"""Some four times that."""


def log_of(
    share: float,
    explored: Callable[[int], float],
    ordinary: Callable[[int], float],
    n_lists: int = MANY,
    seed: int = 0,
) -> pl.DataFrame:
    """Return a round in which an item of a rank is liked with this chance, if it is looked at."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(n_lists):
        marked = set(exploratory_positions(COUNT, share, rng.random()))
        ranks = [0, 0]
        for position in range(COUNT):
            kind = position in marked
            chance = (explored if kind else ordinary)(ranks[kind]) * PERSISTENCE**position
            ranks[kind] += 1
            rows.append((0, user, position, kind, rng.random() < chance))
    names = ["round", "user", "position", "is_exploratory", "is_positive"]
    return pl.DataFrame(rows, schema=names, orient="row")


def share_after(log: pl.DataFrame, share: float) -> float:
    calibration = ShareCalibration(share)
    calibration.learn(log)
    return calibration.share


@pytest.mark.parametrize("ratio", [0.5, 1.0, 1.5])
def test_a_share_moves_by_the_ratio_of_what_the_last_items_earn(ratio: float) -> None:
    log = log_of(0.2, lambda _: 0.4 * ratio, lambda _: 0.4)
    assert share_after(log, 0.2) == pytest.approx(0.2 * ratio, rel=TOLERANCE)


def test_a_worse_rank_is_not_taken_for_a_later_position() -> None:
    # the last ordinary item of eight is worth .8 * .85 ** 7 = .256, as is every explored one
    log = log_of(0.2, lambda _: 0.256, lambda rank: 0.8 * 0.85**rank)
    assert share_after(log, 0.2) == pytest.approx(0.2, rel=TOLERANCE)


def test_exploration_that_pays_nothing_falls_to_what_goes_on_learning_and_comes_back() -> None:
    calibration = ShareCalibration(0.2)
    for seed in range(6):
        calibration.learn(log_of(calibration.share, lambda _: 0.0, lambda _: 0.3, 3000, seed))
    assert calibration.share < 0.02
    for seed in range(12):
        calibration.learn(log_of(calibration.share, lambda _: 0.9, lambda _: 0.3, 3000, seed))
    assert calibration.share > 0.2


def test_without_anything_explored_the_share_stays() -> None:
    assert share_after(log_of(0.0, lambda _: 0.5, lambda _: 0.5, 50), 0.2) == 0.2


@given(
    st.floats(0, 1),
    st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=30),
)
def test_a_share_stays_within_its_bounds(share: float, items: list[tuple[bool, bool]]) -> None:
    rows = [(0, k // 5, k % 5, explored, liked) for k, (explored, liked) in enumerate(items)]
    names = ["round", "user", "position", "is_exploratory", "is_positive"]
    after = share_after(pl.DataFrame(rows, schema=names, orient="row"), share)
    assert after == share or LEAST_SHARE <= after <= MOST_SHARE
