"""A mix of distances for one person: that of their ten best clusters, at shadow prices.

A mix says what share of all places goes to each distance. Given out to everybody alike, somebody
who knows two clusters of one field gets as many places next door as somebody who knows twenty.
Instead each distance has a price, the same for all people, which is added to the probabilities of
a plan; how many of a person's ten best clusters then lie at a distance is their own mix. Prices
are such that all people's places together are the mix, or what it comes to when everybody is dealt
it. No other way to give out as many places of each distance has more probability in them, so none
can expect more hits (Everett, "Generalized Lagrange multiplier method", 1963).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from expectations.contracts.values import NO_CLUSTER
from inference.plans.config import PlanConfig
from inference.plans.deal import deal
from training.alignment.reference_plans import (
    DECIMALS,
    PLACES,
    ReferencePlans,
    find_best,
)
from training.clusters.distance import DISTANCES
from training.item_scoring.compiled import compiled

# Shapes: B users, P people of the reference, N clusters, K distances, T places.

MAX_PRICES_KEPT = 1_000
"""Of mixes that were asked for: finding one's prices takes some milliseconds."""
ROUNDS, FIRST_STEP, SHRINKING = 120, 1.0, 0.95
"""Of the search for prices: the last step is .002 of the first, and that is a probability of 1."""
SMALLEST = 1e-9  # sum of weights, where the mix has none far enough


def find_mixes(
    scores: NDArray[np.float64],
    distances: NDArray[np.int8],
    config: PlanConfig,
    reference: ReferencePlans,
) -> NDArray[np.float64] | None:
    """Return the mix of each person, ``[B, K]``; ``None`` where all have the same.

    Args:
        scores: of every cluster by the person's plan, log-probabilities, ``[B, N]``.
        distances: codes of :data:`DISTANCES`, ``[B, N]``.
        config: the mix, and whether it is made one person's own.
        reference: by which prices are found; without anybody in it all have the same mix.
    """
    if config.mix is None or not config.personal_mix or not len(reference):
        return None
    weights, least = config.mix.weights, DISTANCES.index(config.novelty)
    prices = np.array(find_prices(reference, weights, least, config.mix_of_all))
    counts = _count_places(find_best(scores, distances)[0], prices)
    has_places = counts.any(axis=1, keepdims=True)
    return np.where(has_places, counts, np.array(weights)) / PLACES


@lru_cache(MAX_PRICES_KEPT)
def find_prices(
    reference: ReferencePlans, weights: tuple[float, ...], least: int, is_of_all: bool
) -> tuple[float, ...]:
    """Return the price of each distance, ``[K]``: minus infinity where none is to be planned.

    Args:
        reference: whose places together are to be as the mix.
        weights: of the mix, ``[K]``.
        least: code of the nearest distance that is planned.
        is_of_all: whether these places are to be the mix itself, or what it comes to when it is
            dealt to everybody alike, though some have nothing left at a distance.
    """
    best = reference.from_distance(least)
    codes = np.arange(len(weights))
    asked = np.where(codes >= least, weights, 0.0)
    shares = asked / max(asked.sum(), SMALLEST)
    wanted = shares if is_of_all else _places_dealt_alike(best, weights)
    prices = np.where(asked > 0, 0.0, -np.inf)
    step = FIRST_STEP
    for _ in range(ROUNDS):
        counts = _count_places(best, prices).sum(axis=0)
        prices += step * (wanted - counts / max(counts.sum(), 1))
        step *= SHRINKING
    return tuple(np.round(prices, DECIMALS).tolist())


def _places_dealt_alike(
    best: NDArray[np.float64], weights: tuple[float, ...]
) -> NDArray[np.float64]:
    """Return each distance's share of all places where everybody gets the same mix, ``[K]``."""
    n_people, n_distances, places = best.shape
    codes = np.repeat(np.arange(n_distances, dtype=np.int8), places)
    distances = np.broadcast_to(codes, (n_people, len(codes)))
    scores = best.reshape(n_people, -1)
    dealt = deal(scores, distances, np.array([weights]), PLACES)
    found = np.bincount(codes[dealt[dealt != NO_CLUSTER]], minlength=n_distances)
    return np.asarray(found / max(found.sum(), 1))


@compiled
def _count_places(best: NDArray[np.float64], prices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how many of each person's best clusters lie at each distance, ``[B, K]``.

    The best are those with most probability and price, the nearer of equals.

    Args:
        best: probabilities of the best clusters at each distance, ``[B, K, T]``.
        prices: of each distance, ``[K]``.
    """
    n_users, n_distances, places = best.shape
    counts = np.zeros((n_users, n_distances))
    taken = np.empty(n_distances, np.int64)
    for user in range(n_users):
        taken[:] = 0
        for _ in range(places):
            found, highest = -1, -np.inf
            for code in range(n_distances):
                if taken[code] < places:
                    value = best[user, code, taken[code]] + prices[code]
                    if value > highest:
                        found, highest = code, value
            if found < 0:
                break
            taken[found] += 1
        counts[user] = taken
    return counts
