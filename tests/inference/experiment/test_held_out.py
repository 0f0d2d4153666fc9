"""Held-out cases are shown the list of the exploring arm: what it finds is known before."""

from __future__ import annotations

import pytest

from inference.experiment.held_out import LIST, recall_of_lists
from inference.serving.config import ServingConfig
from tests.worlds.experiment import make_system
from training.evaluation.items.cases import ItemCases

SEEN = ["c1-00", "c0-00"]


def make_cases(*positives: str) -> ItemCases:
    n = len(positives)
    names = tuple(f"user {case}" for case in range(n))
    wanted = tuple(frozenset([item]) for item in positives)
    return ItemCases(names, (SEEN,) * n, (SEEN,) * n, wanted)


@pytest.mark.parametrize(("planned", "recalls"), [(2, [1, 1, 0, 0]), (4, [1, 1, 0, 1])])
def test_the_list_holds_the_ordinary_items_and_the_best_of_the_planned_clusters(
    planned: int, recalls: list[float]
) -> None:
    # Ten places: eight ordinary ones from the clusters liked, one for each of the two clusters
    # planned first: the one the table leads with, and the lowest other.
    cases = make_cases("c0-01", "c2-00", "c5-00", "c4-00")
    assert recall_of_lists(make_system(planned), cases).tolist() == recalls


def test_what_was_consumed_is_not_shown_again() -> None:
    assert recall_of_lists(make_system(), make_cases("c1-00")).tolist() == [0]


def test_no_cases_have_no_figures() -> None:
    assert recall_of_lists(make_system(), make_cases()).shape == (0,)


def test_the_measured_list_is_the_one_that_is_served_by_default() -> None:
    served = ServingConfig()
    assert (LIST.count, LIST.exploration_share, LIST.planned_clusters) == (
        served.count,
        served.exploration_share,
        served.planned_clusters,
    )
