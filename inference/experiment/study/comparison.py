"""Arms against each other over seeds: paired differences, with intervals over the seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from inference.experiment.config import ArmName
from training.evaluation.metrics import LEVEL, Interval

Measured = Mapping[ArmName, Sequence[Mapping[str, float]]]
"""The figures of every arm, one mapping a seed, seeds in the same order."""


def interval_over_seeds(values: ArrayLike) -> Interval:
    """Return the mean of one value a seed with Student's interval of 95%.

    Users are drawn anew with each seed, so that it covers their variety as well.

    >>> interval = interval_over_seeds([1.0, 2.0, 3.0])
    >>> round(interval.mean, 3), round(interval.low, 3), round(interval.high, 3)
    (2.0, -0.484, 4.484)
    """
    column = np.asarray(values, dtype=np.float64)
    n = len(column)
    error = column.std(ddof=1) / np.sqrt(n)
    reach = float(stats.t.ppf((1 + LEVEL) / 2, n - 1) * error)
    mean = float(column.mean())
    return Interval(mean, mean - reach, mean + reach, n, n)


def compare_seeds(measured: Measured) -> dict[str, float]:
    """Return every figure of every arm, and differences, paired by seed, with intervals.

    Differences are those of every arm to the control, and of the planner to every other arm.
    """
    figures: dict[str, float] = {}
    for arm, runs in measured.items():
        for name in runs[0]:
            figures |= interval_over_seeds([run[name] for run in runs]).named(f"{arm}_{name}")
    for arm, other in _pairs(list(measured)):
        for name in measured[arm][0]:
            paired = zip(measured[arm], measured[other], strict=True)
            differences = [one[name] - two[name] for one, two in paired]
            interval = interval_over_seeds(differences)
            figures |= interval.named(f"{arm}_minus_{other}_{name}")
    return figures


def _pairs(arms: Sequence[ArmName]) -> list[tuple[ArmName, ArmName]]:
    control, planner = ArmName.CONTROL, ArmName.PLANNER
    pairs = [(arm, control) for arm in arms if arm is not control]
    if planner in arms:
        pairs += [(planner, rival) for rival in arms if rival not in (control, planner)]
    if {ArmName.PLACEBO, ArmName.RANDOM} <= set(arms):
        pairs.append((ArmName.PLACEBO, ArmName.RANDOM))
    return pairs
