"""The recommender in five lines of Python: it learns, it restricts, and it needs no pipeline."""

from __future__ import annotations

import subprocess
import sys

import polars as pl
import pytest

from expectations.contracts.errors import UserError
from tests.worlds import recommender as world
from tests.worlds.online.own_recommender import read_example
from training.recommender.config import RecommenderConfig
from training.recommender.fitting.direct import fit, histories_of, recommend_items
from training.recommender.model.recommender import SequenceRecommender

CLUSTERS = {world.item_name(c, p): c for c in range(world.N_CLUSTERS) for p in range(world.RING)}


@pytest.fixture(scope="module")
def chained() -> SequenceRecommender:
    return fit(world.walk(300, 12, noise=0, seed=0), CLUSTERS, world.SMALL)


def test_what_follows_on_the_ring_is_recommended(chained: SequenceRecommender) -> None:
    right = 0
    for item in chained.item_ids:
        following = world.successor(item)
        first = recommend_items(chained, [item, following], k=1)[0]
        right += first.item_id == world.successor(following)
    assert right >= 0.9 * len(chained.item_ids)


def test_clusters_and_exclusions_are_kept_to(chained: SequenceRecommender) -> None:
    history = ["i00a", "i01a"]
    within = recommend_items(chained, history, k=100, clusters=[0, 2], exclude={"i05c", "stranger"})
    expected = {item for item, cluster in CLUSTERS.items() if cluster in (0, 2)}
    assert {item.item_id for item in within} == expected - {"i00a", "i01a", "i05c"}
    assert recommend_items(chained, ["stranger"]) == []


def test_a_seed_gives_one_recommender() -> None:
    config = RecommenderConfig(dimension=8, n_heads=1, max_epochs=2)
    walks = world.walk(30, 6, noise=0.2, seed=1)
    first, second = (recommend_items(fit(walks, config=config), ["i00a"]) for _ in range(2))
    assert first == second
    assert {item.cluster_id for item in first} == {0}


def test_two_items_of_one_user_are_enough() -> None:
    assert [item.item_id for item in recommend_items(fit([["a", "b"], []]), ["a"])] == ["b"]


def test_a_frame_becomes_histories_in_order_of_time() -> None:
    frame = pl.DataFrame(
        {"user_id": [2, 1, 2, 1], "item_id": [7, 8, 9, 7], "timestamp": [5, 3, 1, 3]}
    )
    assert histories_of(frame) == [["8", "7"], ["9", "7"]]


def test_what_cannot_be_fitted_is_refused_in_one_line() -> None:
    with pytest.raises(UserError, match="item ids are text"):
        fit([[1, 2]])  # type: ignore[list-item]
    with pytest.raises(UserError, match=r"every item has a cluster.*dune"):
        fit([["alien", "dune"]], {"alien": 0})
    with pytest.raises(UserError, match="two items"):
        fit([["alien"]])


def test_the_documented_lines_run_without_pipeline_store_or_tracking() -> None:
    """In a process of its own, so that nothing else has been imported."""
    example = read_example("recommend_items(recommender")
    assert len([line for line in example.splitlines() if line]) <= 5
    check = """
import sys
rooms = {name.split(".")[0] for name in sys.modules}
print(sorted(rooms & {"feast", "mlflow", "dvc", "pipelines", "inference", "feature_repo"}))
"""
    done = subprocess.run(
        [sys.executable, "-c", example + check], capture_output=True, text=True, check=True
    )
    *items, foreign = done.stdout.splitlines()
    assert {line.split()[0] for line in items} == {"cube", "dune"}
    assert foreign == "[]"
