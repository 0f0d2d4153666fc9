"""What the feature tables must be: keyed once, in order, and about everybody who acted."""

from __future__ import annotations

import polars as pl

from expectations.contracts.tables import USER, Table
from expectations.suites.tally import RowCount, declared_counts

REMEDY = "run `dvc repro histories` again; where it stays, report it: it is a fault of that stage"


def feature_suite(table: Table, n_users: int) -> tuple[RowCount, ...]:
    """Return the rules on a history of users, whose rows stand by user and time.

    Args:
        table: USER_CLUSTER_HISTORY or USER_ITEM_HISTORY.
        n_users: how many people the interactions tell of; each has a history.
    """
    user, time = pl.col(USER.name), pl.col(str(table.event_time))
    is_new = (user != user.shift(1)).fill_null(True)
    is_same = user == user.shift(1)
    is_behind = (user < user.shift(1)) | (is_same & (time < time.shift(1)))
    return (
        RowCount(table.name, f"{table.name} has rows", REMEDY, pl.lit(True), least=1, most=None),
        *declared_counts(table),
        RowCount(USER.name, "everybody who acted has a history", REMEDY, is_new, n_users, n_users),
        RowCount(USER.name, "a state stands once", REMEDY, is_same & (time == time.shift(1))),
        RowCount(USER.name, "states stand by user and time", REMEDY, is_behind),
    )
