"""How far what people open next can be told from what they have: of a log, real or simulated.

A simulated log can have all figures of the real one and still open clusters at random; who plans
best could not be seen in such a world.

Shapes: U users, N clusters.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.log_model.statistics import Integers, Log

Floats = NDArray[np.float64]


def measure_predictability(log: Log, cluster_of_item: Integers) -> dict[str, float]:
    """Return where clusters stand when they are opened, among those that are not: 0 last, 1 first.

    - ``opened_rank_by_company``: by how often they go with the clusters that the user has;
    - ``opened_rank_by_popularity``: by how many users have them. The first over this one is what
      can be told of a person.

    Half of the users tell both orders, the other half's openings after the first are judged, so
    that nobody tells of themselves. By chance both are a half.

    Args:
        log: events of a user in order.
        cluster_of_item: the serving cluster of every item.
    """
    clusters, n = cluster_of_item[log.items], int(cluster_of_item.max()) + 1
    touched = np.zeros((log.n_users, n), dtype=bool)  # [U, N]
    touched[log.users, clusters] = True
    telling = touched[::2].astype(np.float64)
    popularity = telling.sum(axis=0)  # [N]
    company = (telling.T @ telling) / np.maximum(popularity, 1)[:, None]  # [N, N]
    first = np.sort(np.unique(log.users * n + clusters, return_index=True)[1])
    users, opened = log.users[first], clusters[first]
    starts = np.flatnonzero(np.diff(users, prepend=-1))
    nth = np.arange(len(users)) - np.repeat(starts, np.diff(starts, append=len(users)))
    ranks: list[tuple[float, float]] = []
    has = np.zeros((log.n_users, n), dtype=bool)
    for step in range(int(nth.max(initial=0)) + 1):
        here = nth == step
        if step:
            judged = here & (users % 2 == 1)
            of, cluster = has[users[judged]], opened[judged]
            by_company = _rank(of @ company, of, cluster)
            by_popularity = _rank(np.broadcast_to(popularity, of.shape), of, cluster)
            ranks.extend(zip(by_company, by_popularity, strict=True))
        has[users[here], opened[here]] = True
    mean = np.nanmean(np.array(ranks).reshape(-1, 2), axis=0)
    return {
        "opened_rank_by_company": float(mean[0]),
        "opened_rank_by_popularity": float(mean[1]),
    }


def _rank(scores: Floats, has: NDArray[np.bool_], opened: Integers) -> Floats:
    """Return the share of the clusters a user has not that score below the one opened.

    Equal ones count half; NaN where there is no other.
    """
    own = np.take_along_axis(scores, opened[:, None], axis=1)
    open_to = ~has
    below = ((scores < own) & open_to).sum(axis=1)
    equal = ((scores == own) & open_to).sum(axis=1) - 1
    others = open_to.sum(axis=1) - 1
    return np.asarray((below + equal / 2) / np.where(others > 0, others, np.nan))
