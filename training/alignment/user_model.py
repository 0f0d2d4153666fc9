"""The user model: which novel cluster is liked next, given the whole state a request has.

What it learns from are transitions with the state that the feature store gives for their time,
so what it meets in service is what it was fitted on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from training.baselines.clusters.logistic import LogisticModel, featurise_pasts, fit_on_features
from training.baselines.clusters.visits import Pasts


def states_as_pasts(histories: Sequence[Sequence[int]], consumed: Sequence[Sequence[int]]) -> Pasts:
    """Return users' states as pasts: what is in the history was liked, the rest only touched.

    Args:
        histories: history clusters, newest first; their index is their age.
        consumed: all clusters ever touched, in any order; the history's need not be among them.
    """
    clusters, liked, ages = [], [], []
    for history, touched in zip(histories, consumed, strict=True):
        known = set(history)
        others = [cluster for cluster in touched if cluster not in known]
        clusters.append([*history, *others])
        liked.append([True] * len(history) + [False] * len(others))
        ages.append([*range(len(history)), *([0] * len(others))])
    return Pasts(clusters, liked, ages)


def fit_user_models(
    transitions: pl.DataFrame,
    splits: Sequence[str],
    n_clusters: int,
    penalties: Sequence[float],
    decay: float,
) -> list[LogisticModel]:
    """Return one user model for each penalty.

    Args:
        transitions: the table TRANSITIONS.
        splits: which of them are learnt from.
        n_clusters: N.
        penalties: L2 weights, in transitions.
        decay: of a liked cluster's recency, from one history cluster to the next newer one.
    """
    order = ("event_timestamp", "user_id", "target_cluster")
    chosen = transitions.filter(pl.col("split").is_in(splits)).sort(order)
    states = states_as_pasts(
        chosen["history_clusters"].to_list(), chosen["consumed_clusters"].to_list()
    )
    features, touched = featurise_pasts(states, n_clusters, decay)
    targets = chosen["target_cluster"].to_numpy().astype(np.int64)
    return fit_on_features(features, touched, targets, penalties, decay)
