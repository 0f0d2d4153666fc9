"""Blocks curation where a retrieved history knows too much, too little, or stands out of order."""

from __future__ import annotations

import polars as pl

from expectations.contracts.errors import SAMPLE_ROWS, GateError

REMEDY = "look at how histories are built and joined: an example must see its past and no more"


def check_transitions(labels: pl.DataFrame) -> None:
    """Raise :class:`GateError` unless every label's retrieved state is the one just before it.

    Args:
        labels: mined labels (``n_consumed`` and ``newest_cluster`` counted straight from the
            interactions) with the retrieved ``history_clusters`` and ``consumed_clusters``.
    """
    _check_state(labels, "transitions")
    consumed = pl.col("consumed_clusters")
    target_seen = consumed.list.contains(pl.col("target_cluster"))
    _refuse(labels, target_seen, "transitions", "no target is among the consumed clusters")
    off_time = consumed.list.len() != pl.col("n_consumed")
    _refuse(labels, off_time, "transitions", "as many clusters are consumed as before the label")
    off_order = pl.col("history_clusters").list.first() != pl.col("newest_cluster")
    _refuse(labels, off_order, "transitions", "history clusters stand newest first")


def check_cases(cases: pl.DataFrame) -> None:
    """Raise :class:`GateError` if a case's positive was already consumed at its origin."""
    _check_state(cases, "cases")
    known = pl.col("consumed_clusters").list.set_intersection("positives").list.len() > 0
    _refuse(cases, known, "cases", "no positive is among the consumed clusters")


def check_item_cases(cases: pl.DataFrame) -> None:
    """Raise :class:`GateError` on a missing or repeating history, or a positive within it."""
    where = "item cases"
    _refuse(cases, _is_missing("recent_items"), where, "every case has a history")
    _refuse(cases, _repeats("recent_items"), where, "items of a history are distinct")
    known = pl.col("consumed_items").list.set_intersection("positives").list.len() > 0
    _refuse(cases, known, where, "no positive is among the consumed items")


def _check_state(rows: pl.DataFrame, where: str) -> None:
    history = pl.col("history_clusters")
    _refuse(rows, _is_missing("history_clusters"), where, "every row has history clusters")
    _refuse(rows, _repeats("history_clusters"), where, "history clusters are distinct")
    _refuse(rows, _repeats("consumed_clusters"), where, "consumed clusters are distinct")
    unknown = history.list.set_difference("consumed_clusters").list.len() > 0
    _refuse(rows, unknown, where, "history clusters are among the consumed clusters")


def _is_missing(column: str) -> pl.Expr:
    return pl.col(column).list.len().fill_null(0) == 0


def _repeats(column: str) -> pl.Expr:
    return pl.col(column).list.n_unique() != pl.col(column).list.len()


def _refuse(rows: pl.DataFrame, is_bad: pl.Expr, where: str, rule: str) -> None:
    bad = rows.filter(is_bad)
    if not bad.is_empty():
        shown = bad.select("user_id", "event_timestamp").head(SAMPLE_ROWS).rows()
        sample = ", ".join(f"{user} at {time.isoformat()}" for user, time in shown)
        raise GateError(where, rule, REMEDY, f"{bad.height} of {rows.height} rows: {sample}")
