"""Restriction: events found by hand, and a world where the true cluster is worth knowing."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
import torch

from tests.worlds import recommender as world
from training.item_evaluation.plots import frame_restrictions
from training.item_evaluation.restriction import (
    draw_clusters,
    find_novel_events,
    report_restriction,
)
from training.recommender.recommender import SequenceRecommender

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
    events = find_novel_events(*tables, world.make_layout(), "test")
    assert events.users == ("bob",)
    assert events.positives == (frozenset({"i05c", "i07c", "i01d"}),)
    assert sorted(events.novel_clusters[0]) == [2, 3]
    assert len(find_novel_events(*tables, world.make_layout(), "validation")) == 0


def test_a_true_cluster_helps_and_a_wrong_plan_finds_nothing(fitted: SequenceRecommender) -> None:
    """A ring holds ten items: restricted to the true one everything liked in it is found."""
    users = {f"v{n}": ([f"i0{n}a"], [f"i0{n}c"]) for n in range(8)}
    events = find_novel_events(*make_tables(users), fitted.layout, "test")
    wrong = [[1]] * len(events)
    rng = np.random.default_rng(0)
    figures = report_restriction(fitted, events, wrong, world.N_CLUSTERS, rng)

    assert figures["n_novel_cases"] == len(events) == len(users)
    assert figures["novel_true_recall_at_10"] == 1
    assert figures["novel_planned_recall_at_10"] == 0
    assert 0 <= figures["novel_anywhere_recall_at_10"] <= 1
    assert figures["novel_random_hit_rate_at_10_low"] <= figures["novel_random_hit_rate_at_10"]
    assert frame_restrictions(figures).height == 4


def test_without_events_only_the_count_is_told(fitted: SequenceRecommender) -> None:
    tables = make_tables({"bob": (["i00a"], ["i05c"])})
    nothing = find_novel_events(*tables, fitted.layout, "validation")
    figures = report_restriction(fitted, nothing, [], 4, np.random.default_rng(0))
    assert figures == {"n_novel_cases": 0, "n_novel_users": 0, "n_planned_clusters": 0}
    assert frame_restrictions(figures).is_empty()


def test_drawn_clusters_are_not_consumed() -> None:
    tables = make_tables({"bob": (["i00a", "i00b"], ["i05c"])})
    events = find_novel_events(*tables, world.make_layout(), "test")
    drawn = draw_clusters(events, world.N_CLUSTERS, 5, np.random.default_rng(0))
    assert drawn == [[2, 3]]
