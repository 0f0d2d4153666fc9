"""Combines table rows, compiled: a request combines those of one user, an evaluation of thousands.

Shapes: B users, P contexts of each (padded), D depth of a row, N clusters, K distances, F families.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from expectations.contracts.values import NO_CLUSTER
from training.item_scoring.compiled import compiled


@compiled
def combine_rows(
    clusters: NDArray[np.integer],
    scores: NDArray[np.float32],
    weights: NDArray[np.float64],
    distances: NDArray[np.int8],
    families: NDArray[np.int64],
    n_best: int,
    least: int,
    n_distances: int,
    adds_logs: bool,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the combined scores of every cluster, and the row that has most of it, [B, N] each.

    Every row becomes a distribution over the clusters that this user may still be offered, or one
    over those of each distance. A cluster that a row leaves out is given the most it can have had
    there: the score of the last of the best of all, or of the last of its family where that is
    less. One that no row names is not planned, nor is a known one or one too near to be planned:
    minus infinity.

    Args:
        clusters: novel clusters of each row, ``NO_CLUSTER`` after its end, ``[B, P, D]``.
        scores: their log-probabilities, ``[B, P, D]``.
        weights: of each row, 0 of an absent one, ``[B, P]``.
        distances: codes of every cluster's distance, below 0 where it is known, ``[B, N]``.
        families: of every cluster, ``[N]``.
        n_best: places of a row that hold the best of all; after them come more of some families.
        least: code of the least distance of what is planned.
        n_distances: K where each distance has a distribution of its own; 1 for one over them all.
        adds_logs: whether log-probabilities are added up, or probabilities.

    Raises:
        IndexError: a row names a cluster that there is not.
    """
    n_users, n_contexts, depth = clusters.shape
    n_clusters = distances.shape[1]
    combined = np.full((n_users, n_clusters), -np.inf)
    leaders = np.zeros((n_users, n_clusters), np.int64)
    wide, most = np.empty(n_clusters), np.empty(n_clusters)
    floors = np.empty(families.max() + 1 if n_clusters else 0)  # [F]
    goes_on = n_best < depth
    highest, totals = np.empty(n_distances), np.empty(n_distances)
    group = np.zeros(n_clusters, np.int64)
    for user in range(n_users):
        is_offered = np.zeros(n_clusters, np.bool_)
        for context in range(n_contexts):
            for at in range(depth):
                cluster = clusters[user, context, at]
                if cluster == NO_CLUSTER:
                    continue
                if not 0 <= cluster < n_clusters:
                    raise IndexError("there is no such cluster")
                if distances[user, cluster] >= least:
                    is_offered[cluster] = True
        offered = np.flatnonzero(is_offered)
        if n_distances > 1:
            for cluster in offered:
                group[cluster] = distances[user, cluster]
        combined[user][offered] = 0.0
        most[:] = -1.0
        total_weight = weights[user].sum()
        for context in range(n_contexts):
            if weights[user, context] == 0:
                continue
            share = weights[user, context] / total_weight
            floor = np.inf
            if goes_on:
                floors[:] = np.inf
            for at in range(depth):
                cluster = clusters[user, context, at]
                if cluster != NO_CLUSTER:
                    score = float(scores[user, context, at])
                    floor = min(floor, score) if at < n_best else floor
                    if goes_on:
                        floors[families[cluster]] = min(floors[families[cluster]], score)
            wide[:] = floor if np.isfinite(floor) else 0.0
            if goes_on:
                for cluster in offered:
                    wide[cluster] = min(wide[cluster], floors[families[cluster]])
            for at in range(depth):
                cluster = clusters[user, context, at]
                if cluster != NO_CLUSTER:
                    wide[cluster] = scores[user, context, at]
            highest[:] = -np.inf
            totals[:] = 0.0
            for cluster in offered:
                highest[group[cluster]] = max(highest[group[cluster]], wide[cluster])
            for cluster in offered:
                of_group = group[cluster]
                log = wide[cluster] - highest[of_group]
                wide[cluster] = log if adds_logs else np.exp(log)
                totals[of_group] += np.exp(log) if adds_logs else wide[cluster]
            for cluster in offered:
                total = totals[group[cluster]]
                if adds_logs:
                    log = wide[cluster] - np.log(total)
                    combined[user, cluster] += share * log
                    part = share * np.exp(log)
                else:
                    part = share * (wide[cluster] / total)
                    combined[user, cluster] += part
                if part > most[cluster]:
                    most[cluster], leaders[user, cluster] = part, context
        if not adds_logs:
            for cluster in offered:
                combined[user, cluster] = np.log(combined[user, cluster])
    return combined, leaders
