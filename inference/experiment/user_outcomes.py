"""What the experiment was to each participant: figures per user, and ratios over all of them.

Shapes: U participants.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from inference.experiment.environment import Environment
from inference.experiment.random_streams import Floats

KEPT_POSITIVES = 2
"""A second like tells an interest from a chance."""
UCI_COUNTS = (5, 10, 20)
"""Unique clusters consumed by which users are counted, as arXiv 2405.16363 does."""

PER_USER = (
    "novel_clusters_per_user",
    "users_with_novel_cluster_share",
    "kept_novel_clusters_per_user",
    "latent_interests_found_per_user",
    "positives_per_shown",
    *(f"uci_at_{n}" for n in UCI_COUNTS),
)
"""The figures that are means over users, in the order of :func:`tabulate_users`."""

RATIOS = {
    "novel_share_of_shown": (pl.lit(True), pl.col("is_novel")),
    "positive_rate_of_novel": (pl.col("is_novel"), pl.col("is_positive")),
    "positive_share_of_consumed": (pl.col("is_consumed"), pl.col("is_positive")),
    "positive_rate_of_explored": (pl.col("is_exploratory"), pl.col("is_positive")),
    "positive_rate_of_ordinary": (~pl.col("is_exploratory"), pl.col("is_positive")),
}
"""Figures over all that was shown: of the rows that the first names, the share with the second."""


def tabulate_users(log: pl.DataFrame, environment: Environment) -> Floats:
    """Return the figures of :data:`PER_USER` for every user, [U, n_figures].

    Args:
        log: what was shown, see :func:`inference.experiment.simulate.run_arm`.
        environment: the truth.
    """
    n_users = environment.n_users
    liked = log.filter("is_positive")
    novel = liked.filter("is_novel").group_by("user", "cluster").len()
    found = environment.is_untouched[liked["user"].to_numpy(), liked["topic"].to_numpy()]
    latent = liked.filter(pl.Series(found)).unique(["user", "topic"])
    n_novel = _count_by_user(novel, n_users)
    shown = np.maximum(_count_by_user(log, n_users), 1)
    unique = _count_by_user(log.filter("is_consumed").unique(["user", "cluster"]), n_users)
    return np.column_stack(
        [
            n_novel,
            n_novel > 0,
            _count_by_user(novel.filter(pl.col("len") >= KEPT_POSITIVES), n_users),
            _count_by_user(latent, n_users),
            _count_by_user(liked, n_users) / shown,
            *(unique >= n for n in UCI_COUNTS),
        ]
    ).astype(np.float64)


def tabulate_ratios(log: pl.DataFrame, n_users: int) -> Floats:
    """Return the rows of each of :data:`RATIOS` and those that count, [U, 2 n_ratios]."""
    columns = []
    for of, counted in RATIOS.values():
        chosen = log.filter(of)
        columns += [
            _count_by_user(chosen, n_users),
            _count_by_user(chosen.filter(counted), n_users),
        ]
    return np.column_stack(columns)


def _count_by_user(rows: pl.DataFrame, n_users: int) -> Floats:
    return np.bincount(rows["user"].to_numpy(), minlength=n_users).astype(np.float64)
