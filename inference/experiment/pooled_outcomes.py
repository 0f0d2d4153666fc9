"""Figures of all that was shown together: how far it spreads over clusters and items.

A bootstrap over users underrates such figures, so their intervals are by the jackknife.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl

from training.evaluation.metrics import Interval, entropy, gini

JACKKNIFE_GROUPS = 20
"""Of users; from g groups a standard error errs by about 1 / sqrt(2 (g - 1)): a sixth here."""
NORMAL_QUANTILE = 1.959964  # of 97.5%

Measure = Callable[[pl.DataFrame], float]


def pooled_measures(n_items: int, n_clusters: int) -> dict[str, Measure]:
    """Return the figures by name, each of a log or a part of one."""

    def exposure(rows: pl.DataFrame) -> np.ndarray:
        return np.bincount(rows["item"].to_numpy(), minlength=n_items)

    def consumption(rows: pl.DataFrame) -> np.ndarray:
        consumed = rows.filter("is_consumed")["cluster"].to_numpy()
        return np.bincount(consumed, minlength=n_clusters)

    return {
        "catalogue_coverage": lambda rows: rows["item"].n_unique() / n_items,
        "cluster_coverage": lambda rows: rows["cluster"].n_unique() / n_clusters,
        "item_gini": lambda rows: gini(exposure(rows)),
        "cluster_entropy_bits": lambda rows: entropy(consumption(rows)),
    }


def describe_pooled(
    logs: Mapping[str, pl.DataFrame], baseline: str, measures: Mapping[str, Measure]
) -> dict[str, float]:
    """Return every figure of every log, and its difference to the baseline's, with intervals."""
    figures: dict[str, float] = {}
    for name, measure in measures.items():
        parts = {arm: _leave_groups_out(log, measure) for arm, log in logs.items()}
        for arm, part in parts.items():
            figures |= _jackknife(part).named(f"{arm}_{name}")
            if arm != baseline:
                difference = part - parts[baseline]
                figures |= _jackknife(difference).named(f"{arm}_minus_{baseline}_{name}")
    return figures


def _leave_groups_out(log: pl.DataFrame, measure: Measure) -> np.ndarray:
    """Return the figure of all, then without each group of users, [1 + groups]."""
    groups = min(JACKKNIFE_GROUPS, log["user"].n_unique())
    rest = (log.filter(pl.col("user") % groups != group) for group in range(groups))
    return np.array([measure(log), *(measure(rows) for rows in rest)])


def _jackknife(figures: np.ndarray) -> Interval:
    """Return a figure with its interval from it without one group of users at a time.

    Standard error: ``sqrt((g - 1) / g * sum((figure_i - mean)^2))`` (Tukey, 1958).
    """
    whole, without = float(figures[0]), figures[1:]
    groups = len(without)
    error = np.sqrt((groups - 1) / groups * ((without - without.mean()) ** 2).sum())
    reach = NORMAL_QUANTILE * float(error)
    return Interval(whole, whole - reach, whole + reach, groups, groups)
