"""What the experiment found, as tables to draw: an arm a row, each figure beside its interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from inference.experiment.config import ArmName
from inference.experiment.user_outcomes import UCI_COUNTS

AXES = ("novel_share_of_shown", "positive_rate_of_novel", "positives_per_shown")
"""How much is novel, how that is liked, and how everything is."""
LIFTED = ("novel_share_of_shown", "positive_rate_of_novel", "uci_at_10", "positives_per_shown")
"""Figures whose lift on the control is drawn."""
EDGES = ("", "_low", "_high")

Figures = Mapping[str, float]


def tabulate_axes(figures: Figures, arms: Iterable[ArmName]) -> pl.DataFrame:
    """Return :data:`AXES` of every arm.

    Args:
        figures: flat, each prefixed by its arm: ``arm_name``, ``arm_name_low``, ``arm_name_high``.
        arms: in the order of the rows.
    """
    columns = [f"{axis}{edge}" for axis in AXES for edge in EDGES]
    rows = [(str(arm), *(figures[f"{arm}_{column}"] for column in columns)) for arm in arms]
    return pl.DataFrame(rows, schema=["arm", *columns], orient="row")


def tabulate_uci(figures: Figures, arms: Iterable[ArmName]) -> pl.DataFrame:
    """Return the share of users with at least so many unique clusters, a row by arm and number."""
    rows = [
        (str(arm), n, *(figures[f"{arm}_uci_at_{n}{edge}"] for edge in EDGES))
        for arm in arms
        for n in UCI_COUNTS
    ]
    columns = ["arm", "unique_clusters", *(f"share_of_users{edge}" for edge in EDGES)]
    return pl.DataFrame(rows, schema=columns, orient="row")


def tabulate_lift(
    figures: Figures, arms: Iterable[ArmName], names: Sequence[str] = LIFTED
) -> pl.DataFrame:
    """Return by how many percent of the control's figure each arm differs from it.

    Where the control's figure is 0 there is no lift to tell.
    """
    rows, order = [], list(arms)
    for name in names:
        base = figures[f"{ArmName.CONTROL}_{name}"]
        for arm in order if base > 0 else ():
            if arm is not ArmName.CONTROL:
                lift = (figures[f"{arm}_minus_{ArmName.CONTROL}_{name}{edge}"] for edge in EDGES)
                rows.append((name, str(arm), *(round(100 * value / base, 6) for value in lift)))
    columns = ["figure", "arm", *(f"lift_percent{edge}" for edge in EDGES)]
    return pl.DataFrame(rows, schema=columns, orient="row")
