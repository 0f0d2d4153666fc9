"""Restriction: events found by hand, and a world where the true cluster is worth knowing."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
import torch

from tests.worlds import recommender as world
from training.evaluation.items.novel_events import draw_clusters, find_novel_events
from training.evaluation.items.plots import frame_restrictions
from training.evaluation.items.restriction import (
    compare_plan_sizes,
    rank_within,
    report_restriction,
)
from training.recommender.model.recommender import SequenceRecommender

ORIGIN = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def fitted() -> SequenceRecommender:
    torch.set_num_threads(1)
    return world.fit_small()


def make_tables(users: dict[str, tuple[list[str], list[str]]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """CASES and ITEM_CASES of users given by their history (newest first) and their new likes."""
    cases, item_cases = [], []
    for user, (history, liked) in users.items():
        clusters = list(dict.fromkeys("abcd".index(item[-1]) for item in history))
        new = list(dict.fromkeys("abcd".index(item[-1]) for item in liked))
        novel = [cluster for cluster in new if cluster not in clusters]
        if novel:
            cases.append(("test", ORIGIN, user, clusters, clusters, novel))
        item_cases.append(("test", ORIGIN, user, history, history, liked))
    head = ["split", "origin", "user_id"]
    of_clusters = [*head, "history_clusters", "consumed_clusters", "positives"]
    of_items = [*head, "recent_items", "consumed_items", "positives"]
    return (
        pl.DataFrame(cases, schema=of_clusters, orient="row"),
        pl.DataFrame(item_cases, schema=of_items, orient="row"),
    )


def test_events_are_the_liked_items_of_novel_clusters() -> None:
    tables = make_tables(
        {
            "bob": (["i00a", "i00b"], ["i05c", "i06a", "i07c", "i01d"]),
            "ann": (["i00a"], ["i01a"]),  # nothing novel
        }
    )
    layout = world.make_layout()
    events = find_novel_events(*tables, layout, "test")
    assert events.users == ("bob",)
    wanted = sorted(layout.index_of[item] for item in ("i05c", "i07c", "i01d"))
    assert events.held_out.positives[0].tolist() == wanted
    assert events.held_out.histories[0].tolist() == [
        layout.index_of["i00b"],  # recent items stand newest first, histories oldest first
        layout.index_of["i00a"],
    ]
    assert sorted(events.novel_clusters[0]) == [2, 3]
    assert len(find_novel_events(*tables, layout, "validation")) == 0


def test_a_true_cluster_helps_and_a_wrong_plan_finds_nothing(fitted: SequenceRecommender) -> None:
    """A ring holds ten items: restricted to the true one everything liked in it is found."""
    users = {f"v{n}": ([f"i0{n}a"], [f"i0{n}c"]) for n in range(8)}
    events = find_novel_events(*make_tables(users), fitted.layout, "test")
    wrong = [[1]] * len(events)
    rng = np.random.default_rng(0)
    others = {"served": fitted}
    figures = report_restriction(fitted, events, wrong, fitted.layout, rng, others)

    assert figures["n_novel_cases"] == len(events) == len(users)
    assert figures["novel_true_recall_at_10"] == figures["novel_true_reach"] == 1
    assert figures["novel_planned_recall_at_10"] == figures["novel_planned_reach"] == 0
    assert figures["novel_planned_searched_share"] == 0.25
    assert 0 <= figures["novel_anywhere_recall_at_10"] <= 1
    # a random cluster of the three open ones is the true one in a third of 160 draws; four
    # standard errors of that share are 0.15
    assert figures["novel_random_hit_rate_at_10"] == pytest.approx(1 / 3, abs=0.15)
    assert figures["novel_random_hit_rate_at_10_low"] <= figures["novel_random_hit_rate_at_10"]
    loss = figures["novel_planned_over_true_hit_rate_at_10"]
    assert loss == figures["novel_planned_over_true_hit_rate_at_10_high"] == -1
    assert figures["novel_planned_served_recall_at_10"] == 0
    assert figures["novel_planned_over_planned_served_hit_rate_at_10"] == 0
    assert frame_restrictions(figures).height == 6
    # all that is consumed is of the first ring
    assert figures["novel_unconsumed_searched_share"] == 0.75
    assert figures["novel_unconsumed_reach"] == 1


@pytest.mark.parametrize("clusters", [[0], [2], [1, 3], [0, 1, 2, 3]])
def test_ranks_within_clusters_are_the_places_of_what_is_served(
    fitted: SequenceRecommender, clusters: list[int]
) -> None:
    """The evaluation masks one pass of scores; serving touches only the planned blocks."""
    users = {
        f"v{n}": ([f"i0{n}a", f"i0{(n + 3) % 10}b"], [f"i0{n}c", f"i0{(n + 4) % 10}d"])
        for n in range(8)
    }
    events = find_novel_events(*make_tables(users), fitted.layout, "test")
    ranks = rank_within(fitted, events, fitted.layout, {"plan": [clusters] * len(events)})["plan"]
    found = []
    for user, (history, _) in sorted(users.items()):
        served = fitted.top_items(history, clusters, set(history), 40)
        order = [fitted.layout.index_of[item.item_id] for item in served]
        positives = events.held_out.positives[events.users.index(user)]
        found += [order.index(p) + 1 if p in order else np.inf for p in positives]
    assert ranks.tolist() == found


def test_without_events_only_the_count_is_told(fitted: SequenceRecommender) -> None:
    tables = make_tables({"bob": (["i00a"], ["i05c"])})
    nothing = find_novel_events(*tables, fitted.layout, "validation")
    rng = np.random.default_rng(0)
    figures = report_restriction(fitted, nothing, [], fitted.layout, rng)
    assert figures == {"n_novel_cases": 0, "n_novel_users": 0, "n_planned_clusters": 0}
    assert frame_restrictions(figures).is_empty()
    assert compare_plan_sizes(fitted, nothing, [], fitted.layout, rng).is_empty()


def test_drawn_clusters_are_not_consumed() -> None:
    tables = make_tables({"bob": (["i00a", "i00b"], ["i05c"])})
    events = find_novel_events(*tables, world.make_layout(), "test")
    rng = np.random.default_rng(0)
    drawn = [draw_clusters(events, world.N_CLUSTERS, 5, rng)[0] for _ in range(40)]
    assert {tuple(clusters) for clusters in drawn} == {(2, 3), (3, 2)}
    assert {tuple(draw_clusters(events, 4, 1, rng)[0]) for _ in range(40)} == {(2,), (3,)}
