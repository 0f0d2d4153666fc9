"""Contexts of the table: what is drawn, and that a rare cluster's few top contexts are among it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from expectations.contracts.values import ClusterContext, all_contexts
from training.planner.config import PlannerConfig
from training.planner.data import table_contexts
from training.planner.data.table_contexts import TableContexts

N = 12
RARE, STRONGHOLD = 7, ClusterContext.of(2, 5)


def expect_rare(contexts: Sequence[ClusterContext]) -> NDArray[np.float64]:
    """A distribution in which one cluster is expected after a single context, else hardly ever."""
    shares = np.ones((len(contexts), N))
    for row, context in enumerate(contexts):
        shares[row, RARE] = 50.0 if context == STRONGHOLD else 0.01
        shares[row, list(context.members)] = 0
    return shares / shares.sum(axis=1, keepdims=True)


def contexts_of(class_balanced_share: float, single_share: float = 0.1) -> TableContexts:
    config = PlannerConfig(class_balanced_share=class_balanced_share, single_share=single_share)
    return TableContexts.of(expect_rare, N, config)


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 60), st.integers(0, 1000))
def test_as_many_contexts_of_the_table_as_were_asked_for(
    class_balanced_share: float, single_share: float, count: int, seed: int
) -> None:
    drawn = contexts_of(class_balanced_share, single_share).draw(count, np.random.default_rng(seed))
    assert len(drawn) == count
    assert set(drawn) <= set(all_contexts(N))


def test_a_rare_clusters_top_context_is_where_it_is_expected_most() -> None:
    contexts = contexts_of(1.0)
    assert [contexts.compared[index] for index in contexts.top_contexts[RARE]] == [STRONGHOLD]
    expected = expect_rare(contexts.compared)
    for cluster, indices in enumerate(contexts.top_contexts):
        assert expected[indices, cluster].min() == expected[:, cluster].max()


@pytest.mark.parametrize(("class_balanced_share", "times"), [(0.0, 1 / 78), (1.0, 1 / N)])
def test_each_cluster_has_its_share_of_the_top_contexts(
    class_balanced_share: float, times: float
) -> None:
    """The stronghold is one of 66 pairs, seen once in 78 draws; as a top context once in 12."""
    contexts = contexts_of(class_balanced_share, single_share=12 / 78)
    counts = Counter(contexts.draw(20_000, np.random.default_rng(0)))
    assert counts[STRONGHOLD] / 20_000 == pytest.approx(times, rel=0.2)


def test_what_is_drawn_depends_on_the_generator_alone() -> None:
    first, second = (contexts_of(0.5).draw(40, np.random.default_rng(3)) for _ in range(2))
    assert first == second


def test_of_many_clusters_only_some_contexts_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_contexts, "N_COMPARED_CONTEXTS", 40)
    contexts = contexts_of(0.5)
    assert len(contexts.compared) == 40
    assert contexts.top_contexts.shape == (N, 1)
    assert contexts.compared == contexts_of(0.5).compared
