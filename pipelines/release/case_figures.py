"""The figures of single cases that a release carries: one reader for publish and promote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from expectations.contracts.checks import check_table
from expectations.contracts.tables import LIST_FIGURES, PLAN_FIGURES
from pipelines.io.artefact_io import read_table, to_arrow


@dataclass(frozen=True)
class CaseFigures:
    """How plan and list did on each test case: tables PLAN_FIGURES and LIST_FIGURES."""

    plans: pl.DataFrame
    lists: pl.DataFrame

    @classmethod
    def read(cls, files: Mapping[str, Path]) -> CaseFigures:
        """Return the figures in ``files``, by the name of their table.

        Publish refuses what a later promotion could not read, since both read it here; an earlier
        version of this project may have written it.

        Raises:
            UserError: a file is absent or is not Parquet.
            ContractError: a figure is out of its bounds, or the table is not as declared.
        """
        lists = read_table(files[LIST_FIGURES.name], LIST_FIGURES, may_be_older=True)
        return cls(read_plan_figures(files[PLAN_FIGURES.name]), lists)


def read_plan_figures(file: Path) -> pl.DataFrame:
    """Return the figures of plans; what a release of an earlier version has not is null."""
    frame = pl.read_parquet(file)
    empty = [
        pl.lit(None, dtype=pl.Float32).alias(column.name)
        for column in PLAN_FIGURES.columns
        if column.nullable and column.name not in frame.columns
    ]
    if not empty:
        return read_table(file, PLAN_FIGURES, may_be_older=True)
    whole = frame.with_columns(empty).select(column.name for column in PLAN_FIGURES.columns)
    check_table(to_arrow(whole, PLAN_FIGURES), PLAN_FIGURES, str(file))
    return whole
