"""Contexts have one key whatever the order; release ids follow content alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.contracts.values import (
    ClusterContext,
    all_contexts,
    contexts_of_history,
    release_id_of,
)

clusters = st.integers(min_value=0, max_value=2000)


@given(st.lists(clusters, min_size=1, max_size=2, unique=True))
def test_a_key_names_its_pair_in_any_order(members: list[int]) -> None:
    context = ClusterContext.of(*members)
    assert context == ClusterContext.of(*reversed(members))
    assert ClusterContext.parse(context.key) == context


@pytest.mark.parametrize("key", ["", "3_1", "1_1", "01_2", "1_2_3", "-1", "a"])
def test_text_that_is_no_canonical_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        ClusterContext.parse(key)


def test_all_pairs_counts_singles_and_unordered_pairs() -> None:
    contexts = list(all_contexts(64))
    assert len(contexts) == len(set(contexts)) == 64 + 64 * 63 // 2


@given(st.lists(clusters, max_size=8, unique=True))
def test_a_history_asks_for_each_of_its_pairs_once_newest_first(history: list[int]) -> None:
    contexts = contexts_of_history(history)
    n = len(history)
    assert len(set(contexts)) == len(contexts) == (n * (n - 1) // 2 if n > 1 else n)
    if n > 1:
        assert contexts[0] == ClusterContext.of(history[0], history[1])


def test_a_release_id_ignores_order_and_notices_content() -> None:
    first = release_id_of({"table": "aa", "planner": "bb"})
    assert first == release_id_of({"planner": "bb", "table": "aa"})
    assert first != release_id_of({"planner": "bb", "table": "ab"})
    assert len(first) == 64
