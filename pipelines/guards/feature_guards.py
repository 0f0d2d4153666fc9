"""The guards of the feature tables: at their birth, and where they are read to learn from."""

from __future__ import annotations

import polars as pl

from expectations.contracts.tables import (
    INTERACTIONS,
    USER_CLUSTER_HISTORY,
    USER_ITEM_HISTORY,
)
from expectations.suites.feature_tables import feature_suite
from expectations.suites.raw_data import SORTED
from pipelines.guards.guards import StageGuards
from pipelines.io import paths
from pipelines.io.artefact_io import ROWS_CHECKED_AT_ONCE, read_pieces, scan_table

HISTORIES = (
    (USER_CLUSTER_HISTORY, paths.USER_CLUSTER_HISTORY),
    (USER_ITEM_HISTORY, paths.USER_ITEM_HISTORY),
)


def guard_interactions(guards: StageGuards) -> None:
    """Hold the stored log against its declaration and order; stop the stage where it breaks one.

    Raises:
        ContractError: a column, a value, or the number of rows is not what was written.
        GateError: rows repeat or stand out of order.
    """
    pieces = read_pieces(paths.INTERACTIONS, ROWS_CHECKED_AT_ONCE, INTERACTIONS)
    guards.judge_rows("interactions", (SORTED,), pieces)
    guards.settle()


def guard_histories(guards: StageGuards) -> None:
    """Hold both histories against their suites; stop the stage where they break a rule.

    Raises:
        ContractError: a column, a value, or the number of rows is not what was written.
        GateError: a state is missing, repeats or stands out of order.
    """
    n_users = _count_users()
    for table, path in HISTORIES:
        suite = feature_suite(table, n_users)
        guards.judge_rows(table.name, suite, read_pieces(path, ROWS_CHECKED_AT_ONCE, table))
    guards.settle()


def _count_users() -> int:
    users = scan_table(paths.INTERACTIONS, INTERACTIONS).select(pl.col("user_id").n_unique())
    return int(users.collect(engine="streaming").item())
