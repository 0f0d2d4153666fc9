"""Blending: the share holds at every length, nothing twice, both lists keep their order."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.contracts.values import ClusterContext
from inference.serving.exploration import blend as blend_module
from inference.serving.exploration.blend import ListName, blend, exploratory_positions
from inference.serving.exploration.retrieval import NovelItem
from training.recommender.protocol import ScoredItem

SHARES = st.floats(0, 1, allow_nan=False)
NAMES = st.lists(st.integers(0, 30), unique=True, max_size=20)


def usual(names: list[int]) -> list[ScoredItem]:
    return [ScoredItem(f"i{name}", 0, 1.0) for name in names]


def novel(names: list[int]) -> list[NovelItem]:
    return [
        NovelItem(ScoredItem(f"i{name}", 1, 1.0), -2.0, ClusterContext.of(3, 4)) for name in names
    ]


def test_doctests_hold() -> None:
    assert doctest.testmod(blend_module).failed == 0


def test_a_fifth_of_ten() -> None:
    blended = blend(usual(list(range(10))), novel([20, 21, 22]), share=0.2, n_items=10)
    assert [entry.item.item_id for entry in blended] == [
        *("i0", "i1", "i20", "i2", "i3", "i4", "i5", "i21", "i6", "i7")
    ]
    assert blended[2].from_list == ListName.EXPLORATORY
    assert blended[2].led_by == ClusterContext.of(3, 4)
    assert blended[3].from_list == ListName.ORDINARY
    assert blended[3].led_by is None


@given(st.integers(0, 60), SHARES)
def test_every_prefix_keeps_to_the_share(n_items: int, share: float) -> None:
    places = exploratory_positions(n_items, share)
    assert places == sorted(set(places))
    for n in range(n_items + 1):
        assert abs(sum(place < n for place in places) - n * share) <= 0.5 + 1e-9


@given(NAMES, NAMES, SHARES, st.integers(0, 25))
def test_nothing_twice_nothing_lost_order_kept(
    ordinary: list[int], exploratory: list[int], share: float, n_items: int
) -> None:
    blended = blend(usual(ordinary), novel(exploratory), share, n_items)
    shown = [entry.item.item_id for entry in blended]
    assert len(set(shown)) == len(shown)
    is_exploring = bool(exploratory_positions(n_items, share))
    supply = set(ordinary) | (set(exploratory) if is_exploring else set())
    assert len(shown) == min(n_items, len(supply))
    for name, source in ((ListName.ORDINARY, ordinary), (ListName.EXPLORATORY, exploratory)):
        taken = [entry.item.item_id for entry in blended if entry.from_list == name]
        assert taken == [f"i{n}" for n in source if f"i{n}" in set(taken)]


@given(NAMES, SHARES, st.integers(0, 12))
def test_with_enough_of_both_the_marked_places_are_the_exploratory_ones(
    exploratory: list[int], share: float, n_items: int
) -> None:
    plenty = usual(list(range(100, 140)))
    blended = blend(plenty, novel([*exploratory, *range(50, 70)]), share, n_items)
    found = [n for n, entry in enumerate(blended) if entry.from_list == ListName.EXPLORATORY]
    assert found == exploratory_positions(n_items, share)


def test_an_empty_list_leaves_its_places_to_the_other() -> None:
    assert [e.item.item_id for e in blend(usual([1, 2, 3]), [], 0.5, 2)] == ["i1", "i2"]
    assert [e.item.item_id for e in blend([], novel([1, 2, 3]), 0.5, 2)] == ["i1", "i2"]
    assert blend([], novel([1, 2, 3]), 0.0, 2) == []


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_a_share_is_a_share(share: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        blend([], [], share, 3)
