"""People who walk round a circle of clusters: whoever reads the past knows the next one."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from tests.worlds.curation import Event, at, interactions_of, item_clusters_of
from tests.worlds.recommender import SMALL
from training.baselines.clusters.visits import Pasts, Visits, collect_visits
from training.baselines.clusters.window import Window
from training.clusters.distance import climb
from training.evaluation.clusters.cases import PlannerCases
from training.recommender.data.histories import Sequences
from training.recommender.data.layout import FIRST_ITEM, arrange_items
from training.recommender.fitting.fit import fit_recommender
from training.recommender.model.recommender import SequenceRecommender

N = 9
TREE = climb([np.array([0, 0, 1]), np.arange(N) // 3], N)
"""Three families in two fields."""
LATER = 99  # seconds: after everything


def visits_of(events: list[Event], n_clusters: int = N) -> Visits:
    """All visits that the events hold."""
    members = item_clusters_of([Event("all", 0, cluster) for cluster in range(n_clusters)])
    return collect_visits(interactions_of(events).lazy(), members, at(LATER), n_clusters)


def past_of(*walks: list[int]) -> Pasts:
    """Pasts of people who liked these clusters one after the other."""
    liked = [[True] * len(walk) for walk in walks]
    ages = [list(range(len(walk)))[::-1] for walk in walks]
    return Pasts(list(walks), liked, ages)


def draw_window(rng: np.random.Generator, n_users: int = 60) -> Window:
    """Eight steps of ten go to the next cluster, the others anywhere new.

    Cases ask for the last step of every walk, which the visits do not hold.
    """
    events, consumed, positives = [], [], []
    for user in range(n_users):
        place, walk = int(rng.integers(N)), []
        for _ in range(int(rng.integers(3, 6))):
            walk.append(place)
            free = [c for c in range(N) if c not in walk]
            step = (place + 1) % N
            place = step if step in free and rng.random() < 0.8 else int(rng.choice(free))
        events += [Event(f"u{user:03}", second, c) for second, c in enumerate(walk[:-1])]
        consumed.append(walk[:-1])
        positives.append(frozenset(walk[-1:]))
    users = tuple(f"u{user:03}" for user in range(n_users))
    cases = PlannerCases(users, [each[::-1] for each in consumed], consumed, positives)
    recent = [[f"c{cluster}i0" for cluster in walk[::-1]] for walk in consumed]
    visits = visits_of(events)
    return Window(cases, past_of(*consumed), visits, recommend_next(), recent, TREE, neighbours())


def neighbours() -> np.ndarray:
    """How alike the words of two clusters are: those of neighbours on the circle are."""
    apart = np.abs(np.arange(N)[:, None] - np.arange(N))
    return (np.minimum(apart, N - apart) == 1).astype(float)


@lru_cache
def recommend_next() -> SequenceRecommender:
    """A recommender of one item a cluster, fitted on walks round the circle."""
    names = tuple(f"c{cluster}i0" for cluster in range(N))
    layout = arrange_items(names, np.arange(N), N)
    walks = [[FIRST_ITEM + (start + step) % N for step in range(5)] for start in range(N)] * 20
    config = SMALL.model_copy(update={"max_epochs": 15})
    return fit_recommender(Sequences.of(walks), layout, config, seed=0)
