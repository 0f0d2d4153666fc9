"""The policy of exploration: what is drawn how often, what a seed repeats, what rests how long."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.contracts.values import ClusterContext
from inference.serving.exploration.blend import exploratory_positions
from inference.serving.exploration.config import ExplorationPolicy
from inference.serving.exploration.policy import (
    draw_novel,
    draw_novel_clusters,
    draw_novel_items,
    without_rested_refusals,
)
from inference.serving.exploration.retrieval import NovelItem
from inference.serving.exploration.shown_store import US_PER_DAY
from training.recommender.protocol import ScoredItem

LED_BY = ClusterContext.of(8, 9)
POLICY = ExplorationPolicy()
DRAWS = 4000
WITHIN = 0.035  # more than four standard deviations of a share of 4,000 draws


def novel(n_clusters: int, n_items: int) -> list[NovelItem]:
    return [
        NovelItem(ScoredItem(f"c{cluster}i{rank}", cluster, -rank), -1.0 * cluster, LED_BY)
        for rank in range(n_items)
        for cluster in range(n_clusters)
    ]


def names(drawn: list[NovelItem]) -> list[str]:
    return [entry.item.item_id for entry in drawn]


def test_every_planned_cluster_gets_its_turn_as_often_as_is_said() -> None:
    chance, counts, said = Random(0), Counter[str](), dict[str, float]()
    for _ in range(DRAWS):
        first = draw_novel(novel(5, 3), 2, POLICY, chance.random)[0]
        counts[first.item.item_id] += 1
        said[first.item.item_id] = first.probability
    assert len(counts) == 15
    assert sum(said.values()) == pytest.approx(1.0)
    for name, probability in said.items():
        assert counts[name] / DRAWS == pytest.approx(probability, abs=WITHIN)


def test_a_seed_repeats_a_draw_and_another_gives_another() -> None:
    def draw(seed: int) -> list[str]:
        return names(draw_novel(novel(5, 9), 4, POLICY, Random(seed).random))

    draws, again = ({seed: draw(seed) for seed in range(20)} for _ in range(2))
    assert draws == again
    assert len({tuple(found[:4]) for found in draws.values()}) > 15


def test_without_decay_the_best_comes_first() -> None:
    greedy = ExplorationPolicy(cluster_decay=0, item_decay=0)
    drawn = draw_novel(novel(3, 2), 6, greedy, Random(1).random)
    assert names(drawn) == ["c0i0", "c1i0", "c2i0", "c0i1", "c1i1", "c2i1"]
    assert {entry.probability for entry in drawn} == {1.0}


@given(st.integers(0, 5), st.integers(0, 6), st.integers(0, 40), st.integers(0, 2**53))
def test_nothing_is_lost_and_no_cluster_has_two_turns_in_a_round(
    n_clusters: int, n_items: int, n_positions: int, seed: int
) -> None:
    offered = novel(n_clusters, n_items)
    drawn = draw_novel(offered, n_positions, POLICY, Random(seed).random)
    assert sorted(names(drawn)) == sorted(names(offered))
    turn = [entry.item.cluster_id for entry in drawn[: min(n_positions, n_clusters)]]
    assert len(set(turn)) == len(turn)
    assert all(0 < entry.probability <= 1 for entry in drawn)


@given(st.integers(1, 12), st.integers(1, 8), st.integers(1, 12), st.integers(0, 2**53))
def test_clusters_drawn_before_items_are_known_are_those_drawn_among_all(
    n_clusters: int, n_items: int, n_positions: int, seed: int
) -> None:
    n_positions = min(n_positions, n_clusters)
    offered = novel(n_clusters, n_items)
    drawn = draw_novel_clusters(n_clusters, n_positions, POLICY, Random(seed).random)
    of_drawn = [entry for one in drawn for entry in offered if entry.item.cluster_id == one.place]
    early = draw_novel_items(drawn, of_drawn, POLICY)
    late = draw_novel(offered, n_positions, POLICY, Random(seed).random)
    assert early[:n_positions] == late[:n_positions]
    assert sorted(names(early)) == sorted(names(of_drawn))


@pytest.mark.parametrize("n_items", [1, 2, 7, 10])
def test_a_share_is_kept_by_short_lists_too(n_items: int) -> None:
    chance = Random(0)
    explored = Counter(
        place
        for _ in range(DRAWS)
        for place in exploratory_positions(n_items, 0.2, chance.random())
    )
    for place in range(n_items):
        assert explored[place] / DRAWS == pytest.approx(0.2, abs=WITHIN)


def test_a_refusal_rests_and_what_the_data_holds_stays() -> None:
    refusals = [(1, 0), (1, 9 * US_PER_DAY), (2, 0), (3, 0)]
    kept = without_rested_refusals((0, 1, 2, 3), (0, 3), refusals, 5, 10 * US_PER_DAY)
    assert kept == (0, 1, 3)
