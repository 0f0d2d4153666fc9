"""Weights of novel clusters: rarer ones count more, and on average a choice counts one."""

from __future__ import annotations

import numpy as np
import pytest

from training.planner.data.transitions import Transitions, weigh_targets

TARGETS = np.repeat([0, 1, 3], [8, 2, 2])
CHOICES = Transitions(np.full((12, 1), 2), np.ones(12, dtype=np.int64), TARGETS)


def test_without_balance_every_choice_counts_the_same() -> None:
    assert weigh_targets(CHOICES, 4, 0.0).tolist() == [1.0] * 4


def test_full_balance_gives_every_chosen_cluster_the_same_say() -> None:
    weights = weigh_targets(CHOICES, 4, 1.0)
    said = np.bincount(TARGETS, weights[TARGETS], minlength=4)
    assert said[[0, 1, 3]] == pytest.approx([4, 4, 4])


def test_half_balance_is_the_square_root_with_mean_one_over_choices() -> None:
    weights = weigh_targets(CHOICES, 4, 0.5)
    assert weights[1] / weights[0] == pytest.approx(2)
    assert weights[TARGETS].mean() == pytest.approx(1)
