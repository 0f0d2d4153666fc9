"""What a log and a simulated one are told apart by.

Shapes: E events, U users, I items.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.evaluation.metrics import entropy, gini

Integers = NDArray[np.int64]

TOP_SHARE = 0.1
"""Of the catalogue, the items consumed most: a head whose weight is told in one figure."""


@dataclass(frozen=True)
class Log:
    """Who consumed what, by user and within a user in order.

    Attributes:
        users: [E], indices of users.
        items: [E], indices of items.
        n_users: U, with or without events.
        n_items: I.
    """

    users: Integers
    items: Integers
    n_users: int
    n_items: int


def describe_log(log: Log, cluster_of_item: Integers) -> dict[str, float]:
    """Return the figures by which a simulated log has to be like the real one.

    - ``item_gini``: how unequally items are consumed, over the whole catalogue;
    - ``events_per_user``: the mean length of a history;
    - ``cluster_entropy_bits``: of what a user consumes, the mean over users;
    - ``repeat_share``: of the events with one before, those in the cluster of the one before;
    - ``novel_share``: of the same, those in a cluster that the user had not consumed;
    - ``clusters_per_user``: distinct ones, and ``top_items_share``: of the events, those on the
      tenth of the catalogue consumed most. Nothing is calibrated by these two: they tell whether
      a model that has the other figures is like the log in what it was not told, too.

    Args:
        log: real or simulated.
        cluster_of_item: the serving cluster of every item, [I].
    """
    clusters = cluster_of_item[log.items]
    n_clusters = int(cluster_of_item.max()) + 1
    follows = log.users[1:] == log.users[:-1]  # [E - 1]
    cells = log.users * n_clusters + clusters
    _, first = np.unique(cells, return_index=True)
    is_novel = np.zeros(len(cells), dtype=bool)
    is_novel[first] = True
    counts = np.bincount(cells, minlength=log.n_users * n_clusters)
    active = np.flatnonzero(np.bincount(log.users, minlength=log.n_users))
    per_user = counts.reshape(log.n_users, n_clusters)[active]
    consumption = np.sort(np.bincount(log.items, minlength=log.n_items))[::-1]
    top = consumption[: max(round(TOP_SHARE * log.n_items), 1)]
    return {
        "item_gini": gini(consumption),
        "events_per_user": len(log.users) / max(len(active), 1),
        "cluster_entropy_bits": float(np.mean([entropy(row) for row in per_user])),
        "repeat_share": float((clusters[1:] == clusters[:-1])[follows].mean()),
        "novel_share": float(is_novel[1:][follows].mean()),
        "clusters_per_user": float((per_user > 0).sum(axis=1).mean()),
        "top_items_share": float(top.sum() / max(len(log.items), 1)),
    }
