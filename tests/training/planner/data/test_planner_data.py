"""The balanced signal: full balance gives each cluster nearly the same room in the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from expectations.contracts.values import ClusterContext, all_contexts
from training.planner.config import PlannerConfig
from training.planner.data.planner_data import balance_signal
from training.planner.data.table_contexts import draw_contexts

N = 12


@dataclass(frozen=True)
class Skewed:
    """A signal that expects each cluster by its popularity and by what two others draw along."""

    popularity: NDArray[np.float64]
    association: NDArray[np.float64]

    def score_batch(self, contexts: Sequence[ClusterContext]) -> NDArray[np.float64]:
        ends = np.array([(context.members[0], context.members[-1]) for context in contexts])
        logs = self.popularity + self.association[ends[:, 0]] + self.association[ends[:, 1]]
        np.put_along_axis(logs, ends, -np.inf, axis=1)
        highest = logs.max(axis=1, keepdims=True)
        return np.asarray(
            logs - highest - np.log(np.exp(logs - highest).sum(axis=1, keepdims=True))
        )


def skewed(seed: int, spread: float = 2.0) -> Skewed:
    rng = np.random.default_rng(seed)
    return Skewed(spread * rng.standard_normal(N), rng.standard_normal((N, N)))


def balanced(signal: Skewed, balance: float, contexts: list[ClusterContext]) -> NDArray[np.float64]:
    return balance_signal(signal, N, PlannerConfig(target_balance=balance)).expect(contexts)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0, 1))
def test_a_row_is_a_distribution_over_what_is_not_in_the_context(seed: int, share: float) -> None:
    contexts = list(all_contexts(N))
    expected = balanced(skewed(seed), share, contexts)
    np.testing.assert_allclose(expected.sum(axis=1), 1.0)
    for row, context in zip(expected, contexts, strict=True):
        assert set(np.flatnonzero(row == 0)) == set(context.members)


def test_without_balance_it_is_the_signal() -> None:
    contexts, signal = list(all_contexts(N)), skewed(0)
    np.testing.assert_allclose(
        balanced(signal, 0.0, contexts), np.exp(signal.score_batch(contexts)), atol=1e-12
    )


@pytest.mark.parametrize("seed", range(5))
def test_more_balance_brings_the_clusters_nearer_to_the_same_room(seed: int) -> None:
    contexts, signal = list(all_contexts(N)), skewed(seed)
    uneven = [
        np.std(np.log(balanced(signal, balance, contexts).mean(axis=0)))
        for balance in (0.0, 0.3, 0.6, 1.0)
    ]
    assert uneven == sorted(uneven, reverse=True)
    assert uneven[-1] < 0.35 * uneven[0]


def test_a_cluster_nobody_expects_is_no_error() -> None:
    signal = skewed(0)
    signal.popularity[3] = -np.inf
    expected = balanced(signal, 1.0, draw_contexts(N, 50, 0.1, np.random.default_rng(1)))
    assert np.isfinite(expected).all()
    assert not expected[:, 3].any()
