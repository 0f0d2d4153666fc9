"""What a run of one arm comes to, as a whole and round by round.

Shapes: C categories.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from inference.experiment.environment import Environment
from inference.experiment.user_outcomes import (
    PER_USER,
    RATIOS,
    UCI_COUNTS,
    tabulate_ratios,
    tabulate_users,
)
from training.evaluation.metrics import entropy, gini

CORPUS_THRESHOLDS = (1, 2, 5)
"""Likes from which an item counts as discoverable (arXiv 2305.07764 takes several, too)."""


def corrected_entropy(counts: ArrayLike) -> float:
    """Return the entropy of counts in bits, corrected for their number (Miller, 1955).

    Few events seem less diverse than many of the same distribution: by about
    ``(C - 1) / (2 N ln 2)`` bits, which is added.

    >>> round(corrected_entropy([1, 1]), 3)
    1.361
    """
    counted = np.asarray(counts, dtype=np.float64)
    bias = (np.count_nonzero(counted) - 1) / (2 * max(counted.sum(), 1) * np.log(2))
    return entropy(counted) + max(float(bias), 0.0)


def measure_arm(log: pl.DataFrame, environment: Environment) -> dict[str, float]:
    """Return the figures of a run, over all its rounds.

    Beside those of the experiment (see ``user_outcomes.py``):

    - ``positives_per_user``: the enjoyment of the whole run; who leaves has none any more;
    - ``explored_share_of_shown``, and the same in the last third of the rounds,
      ``explored_share_at_end``;
    - ``retention``: the share of the users who are there in the last round;
    - ``cluster_entropy_bits`` of what is consumed, ``cluster_entropy_change_bits`` from the first
      third of the rounds to the last;
    - ``item_gini`` of exposure, over the items that could be shown;
    - ``discoverable_at_k``: items liked k times or more, as a share of the same.

    Args:
        log: see :func:`inference.experiment.simulate.run_arm`.
        environment: the truth of the run.
    """
    n_users = environment.n_users
    rounds = int(log["round"].to_numpy().max()) + 1
    third = max(rounds // 3, 1)
    per_user = tabulate_users(log, environment).mean(axis=0)
    sums = tabulate_ratios(log, n_users).sum(axis=0)
    figures = dict(zip(PER_USER, per_user.tolist(), strict=True))
    figures |= dict(zip(RATIOS, (sums[1::2] / np.maximum(sums[::2], 1)).tolist(), strict=True))
    figures["positives_per_user"] = log["is_positive"].sum() / n_users
    figures["explored_share_of_shown"] = float(log["is_exploratory"].to_numpy().mean())
    end = log.filter(pl.col("round") >= rounds - third)
    figures["explored_share_at_end"] = float(end["is_exploratory"].to_numpy().mean())
    figures["retention"] = log.filter(pl.col("round") == rounds - 1)["user"].n_unique() / n_users
    figures["cluster_entropy_bits"] = _consumed_entropy(log)
    first = _consumed_entropy(log.filter(pl.col("round") < third))
    figures["cluster_entropy_change_bits"] = _consumed_entropy(end) - first
    could_be_shown = np.ones(len(environment.item_ids), dtype=bool)
    if environment.arrives is not None:
        could_be_shown = environment.arrives < rounds
    exposure = np.bincount(log["item"].to_numpy(), minlength=len(could_be_shown))
    figures["item_gini"] = gini(exposure[could_be_shown])
    likes = np.bincount(log.filter("is_positive")["item"].to_numpy(), minlength=len(could_be_shown))
    for k in CORPUS_THRESHOLDS:
        figures[f"discoverable_at_{k}"] = float((likes >= k).sum() / could_be_shown.sum())
    return figures


def follow_run(log: pl.DataFrame, environment: Environment) -> pl.DataFrame:
    """Return what has come up to the end of each round: the first part of :func:`measure_arm`."""
    names = (
        "novel_share_of_shown",
        "positive_rate_of_novel",
        "positives_per_user",
        "retention",
        "discoverable_at_1",
        *(f"uci_at_{n}" for n in UCI_COUNTS),
    )
    rows = []
    for number in sorted(log["round"].unique()):
        figures = measure_arm(log.filter(pl.col("round") <= number), environment)
        own = _consumed_entropy(log.filter(pl.col("round") == number))
        row = {name: round(figures[name], 6) for name in names}
        rows.append({"round": number + 1, **row, "cluster_entropy_of_round": round(own, 6)})
    return pl.DataFrame(rows)


def _consumed_entropy(log: pl.DataFrame) -> float:
    consumed = log.filter("is_consumed")["cluster"].to_numpy()
    return corrected_entropy(np.bincount(consumed)) if len(consumed) else 0.0
