"""Calibrates the model's habits until logs drawn from it are like the real one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.log_model.model import LogModel, sample_log
from training.log_model.statistics import Log, describe_log

MOVED_BY = {
    "opening": ("novel_share", 0.0, 1.0),
    "staying": ("repeat_share", -1.0, 1.0),
    "focus": ("cluster_entropy_bits", 6.0, -2.0),
    "popularity": ("item_gini", 0.0, 3.0),
}
"""Of each habit the figure that it moves most, where that is lowest, and where it is highest."""
SWEEPS = 3
"""Over all habits: each moves the others' figures a little, and the third sweep hardly any."""
HALVINGS = 7
"""Of a habit's range in a sweep: to a hundredth of it."""


def calibrate(model: LogModel, log: Log, cluster_of_item: NDArray[np.int64], seed: int) -> LogModel:
    """Return the model with habits whose logs have the real log's figures, as near as it can.

    One habit at a time is found by bisection, every draw by the same luck.

    Args:
        model: as it was fitted.
        log: the real one.
        cluster_of_item: the serving cluster of every item, [I].
        seed: of the simulated logs.
    """
    wanted = describe_log(log, cluster_of_item)
    for _ in range(SWEEPS):
        for habit, (figure, low, high) in MOVED_BY.items():
            for _ in range(HALVINGS):
                middle = (low + high) / 2
                tried = model.with_habits(**{habit: middle})
                drawn = sample_log(tried, np.random.default_rng(seed))
                if describe_log(drawn, cluster_of_item)[figure] < wanted[figure]:
                    low = middle
                else:
                    high = middle
            model = model.with_habits(**{habit: (low + high) / 2})
    return model
