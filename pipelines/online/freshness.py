"""Feast's own record of what is online: from when until when each view's rows are."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import polars as pl
from feast import FeatureStore

from expectations.contracts.tables import Table
from pipelines.io.artefact_io import scan_table


def record_freshness(store: FeatureStore, table: Table, file: Path) -> None:
    """Note in Feast's registry which times of ``table`` were loaded; once, however often it was.

    Args:
        store: where the view of ``table`` is applied.
        table: the declaration.
        file: the rows that were loaded.
    """
    since, until = _times_of(table, file)
    view = store.get_feature_view(table.name)
    if (since, until) not in view.materialization_intervals:
        store.registry.apply_materialization(view, store.project, since, until)


def _times_of(table: Table, file: Path) -> tuple[datetime, datetime]:
    time = pl.col(str(table.event_time))
    first, last = (
        scan_table(file, table).select(time.min(), time.max().alias("last")).collect().row(0)
    )
    return first, last
