"""Responses follow the truth, and random numbers are common to all who ask for the same."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inference.experiment.config import ExperimentConfig
from inference.experiment.environment import Shown, respond, tire
from inference.experiment.random_streams import draw_uniform
from tests.worlds.experiment import ITEMS_PER_CLUSTER, make_environment

STEADY = ExperimentConfig(position_decay=1.0, tiring=0.0)


def test_random_numbers_are_uniform_and_their_streams_are_unrelated() -> None:
    users = np.repeat(np.arange(200), 100)
    items = np.tile(np.arange(100), 200)
    one, other, later, next_seed = (
        draw_uniform(seed, stream, users, items, number)
        for seed, stream, number in ((1, 0, 0), (1, 1, 0), (1, 0, 1), (2, 0, 0))
    )
    counts = np.histogram(one, bins=10, range=(0, 1))[0]
    # 20,000 numbers: a bin holds 2,000 with a deviation of 42
    assert np.abs(counts - 2000).max() < 5 * 42
    # of one seed's streams none is another seed's
    previous = [draw_uniform(0, stream, users, items, 0) for stream in range(3)]
    for second in (other, later, next_seed, *previous, np.roll(one, 1)):
        assert abs(np.corrcoef(one, second)[0, 1]) < 5 / np.sqrt(len(one))


@given(st.lists(st.tuples(st.integers(0, 999), st.integers(0, 999)), min_size=1), st.integers(0))
def test_random_numbers_depend_on_user_and_item_alone(
    pairs: list[tuple[int, int]], seed: int
) -> None:
    users, items = (np.array(column) for column in zip(*pairs, strict=True))
    seed %= 2**63
    together = draw_uniform(seed, 0, users, items, 3)
    alone = [draw_uniform(seed, 0, users[[n]], items[[n]], 3)[0] for n in range(len(users))]
    assert together.tolist() == alone
    assert ((together > 0) & (together < 1)).all()


def test_consumption_follows_affinity_and_position() -> None:
    n_users = 4000
    environment = make_environment(n_users)
    fresh = np.zeros_like(environment.affinity)
    users = np.arange(n_users)
    items = np.zeros(n_users, dtype=np.int64)
    first, fifth, cold = (
        respond(environment, config, fresh, Shown(users, what, np.full(n_users, position)), 0, 0)
        for config, what, position in (
            (STEADY, items, 0),
            (ExperimentConfig(position_decay=0.5, tiring=0.0), items, 1),
            (STEADY, items + 3 * ITEMS_PER_CLUSTER, 0),
        )
    )
    # shares of 4,000: deviations below .008
    assert abs(first.is_consumed.mean() - 0.9) < 0.03
    assert abs(fifth.is_consumed.mean() - 0.45) < 0.04
    assert not cold.is_consumed.any()
    assert (first.feedback[first.is_consumed] == 4.5).all()
    assert (first.is_positive == first.is_consumed).all()
    assert (first.feedback[~first.is_consumed] == 0).all()


def test_much_of_the_same_tires_and_rest_restores() -> None:
    environment = make_environment(2)
    config = ExperimentConfig(tiring=0.5, recovery=0.5)
    tired = tire(
        environment,
        config,
        np.zeros((2, 6)),
        np.array([0, 0, 1]),
        np.array([0, 1, ITEMS_PER_CLUSTER]),
    )
    assert tired.tolist() == [[1.0, 0, 0, 0, 0, 0], [0, 0.5, 0, 0, 0, 0]]
    rested = tire(environment, config, tired, np.array([], dtype=int), np.array([], dtype=int))
    assert rested[0, 0] == 0.5
    users, items = np.zeros(60, dtype=np.int64), np.arange(60)
    nothing = np.zeros(60, dtype=np.int64)
    lively, weary = (
        respond(environment, config, state, Shown(users, items, nothing), 0, 0)
        for state in (np.zeros((2, 6)), 4 * tired)
    )
    assert weary.is_consumed.sum() < lively.is_consumed.sum()
    assert not weary.is_positive.any()  # 5 x .9 x exp(-2) is far from 4
