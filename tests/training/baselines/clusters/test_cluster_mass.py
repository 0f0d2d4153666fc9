"""Cluster mass adds up what the recommender expects, and reads what lies before the origin."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tests.worlds import recommender as world
from tests.worlds.circles import N, recommend_next
from tests.worlds.curation import Event, at, interactions_of
from training.baselines.clusters.cluster_mass import collect_recent_items, score_cluster_mass


def test_masses_are_sums_of_the_softmax_over_each_cluster() -> None:
    recommender = world.fit_small()
    layout = recommender.layout
    recent = [["i01a", "i00a"], ["i05c"]]
    for power, masses in zip(
        (0.5, 1.0), score_cluster_mass(recommender, recent, (0.5, 1.0)), strict=True
    ):
        for user, items in enumerate(recent):
            scores = power * recommender.score_batch([items])[0].astype(np.float64)
            expected = [
                np.log(np.exp(scores[layout.cluster_of_row == cluster]).sum())
                for cluster in range(layout.n_clusters)
            ]
            assert masses[user] == pytest.approx(expected, abs=1e-4)


def test_who_walks_the_circle_is_expected_in_the_next_cluster() -> None:
    recent = [[f"c{(place - back) % N}i0" for back in range(3)] for place in range(N)]
    (masses,) = score_cluster_mass(recommend_next(), recent, (1.0,))
    for place in range(N):
        masses[place, [(place - back) % N for back in range(3)]] = -np.inf  # already touched
    assert masses.argmax(axis=1).tolist() == [(place + 1) % N for place in range(N)]


def test_of_unknown_items_nothing_follows() -> None:
    (masses,) = score_cluster_mass(recommend_next(), [["never seen"], [], ["c1i0"]], (1.0,))
    assert not masses[:2].any()
    assert masses[2].any()


def test_recent_items_lie_before_the_origin_newest_first() -> None:
    events = [
        Event("ann", 1, 0, item="x"),
        Event("ann", 2, 1, item="z"),
        Event("ann", 2, 1, item="y"),
        Event("ann", 3, 0, item="x"),  # again: its newest place counts
        Event("ann", 3, 2, item="w", positive=False),
        Event("ann", 5, 3, item="v"),
        Event("bob", 5, 3, item="v"),
    ]
    keys = [(at(5), "ann"), (at(3), "ann"), (at(5), "bob"), (at(9), "ann")]
    schema = {"origin": pl.Datetime("us", "UTC"), "user_id": pl.String}
    cases = pl.DataFrame(keys, schema=schema, orient="row")
    found = collect_recent_items(interactions_of(events).lazy(), cases, 3)
    assert found == [["x", "y", "z"], ["y", "z", "x"], [], ["v", "x", "y"]]
