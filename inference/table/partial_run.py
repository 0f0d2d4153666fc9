"""A partial refresh as a bulk run: rescores, merges, and plans again what cannot be proven.

Rows of the previous table are worth keeping only where this run would compute them again to the
last bit. So one row is planned first, to learn what the arithmetic at hand is; where it is not that
of the previous table, or a row's bits rest on its batch, every row is planned anew.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from expectations.contracts.errors import UserError
from expectations.contracts.values import ClusterContext, all_contexts
from inference.search.arithmetic import is_by_row
from inference.search.config import TableConfig, TableRunConfig
from inference.table.bulk import BulkCost, ShardStore, add_costs, plan_batches
from inference.table.plan_table import PlanTable
from inference.table.refresh import (
    ClusterChanges,
    Families,
    MergedRows,
    compare_descriptions,
    merge_rows,
)
from inference.table.shards import MicroBatch, join_rows
from inference.table.sources import RankerSource
from inference.table.table import cut_batches

FIRST_ROW, RESCORED, ANEW = "first_row", "rescored", "anew"
"""The runs of a refresh, by which their shards are told apart."""

OpenStore = Callable[[str, Sequence[MicroBatch]], ShardStore]


class PartialSource(RankerSource, Protocol):
    """A source that can also rank some clusters alone."""

    def among(self, candidates: Sequence[int]) -> RankerSource:
        """Return the source of rows that rank only these clusters, scored as among all."""
        ...


@dataclass(frozen=True)
class PreviousTable:
    """A table to refresh.

    Attributes:
        table: as it was.
        descriptions: of its clusters, by id.
        families: of its clusters; ``None`` where rows held the best of all and no more.
        unproven: keys of its rows that were left with an error bound.
        arithmetic: of all its rows, see :class:`RankedContexts`; ``None`` where that is not known.
    """

    table: PlanTable
    descriptions: tuple[str, ...]
    families: tuple[int, ...] | None
    unproven: frozenset[str]
    arithmetic: str | None


@dataclass(frozen=True)
class RefreshedRows:
    """The rows of the new table, and how they came about.

    Attributes:
        rows: all of them in the order of ``all_contexts``.
        changes: of the clusters.
        n_rescored: rows that got scores of new clusters.
        n_planned_anew: rows that were planned as in a full run.
        cost: of all runs together.
        why_whole: why no row of the previous table was kept; empty where some may be.
    """

    rows: pl.DataFrame
    changes: ClusterChanges
    n_rescored: int
    n_planned_anew: int
    cost: BulkCost
    why_whole: str = ""


def refresh_rows(
    previous: PreviousTable,
    descriptions: Sequence[str],
    families: Sequence[int],
    source: PartialSource,
    config: TableConfig,
    run: TableRunConfig,
    open_store: OpenStore,
) -> RefreshedRows:
    """Return the rows that a full run would give, planning no more of them than it takes.

    ``families`` are those of the clusters, see ``families_of``.

    Raises:
        UserError: clusters changed, and a changed cluster changes the scores of all others.
    """
    changes = compare_descriptions(previous.descriptions, descriptions)
    refuse_dependent_scores(changes, config)
    contexts = list(all_contexts(len(descriptions)))
    costs: list[BulkCost] = []

    def plan(wanted: Sequence[ClusterContext], using: RankerSource, part: str) -> pl.DataFrame:
        batches = list(cut_batches(wanted, config.batch_rows))
        rows, cost = plan_batches(batches, using, config, run, open_store(part, batches), part)
        costs.append(cost)
        return rows

    why_whole = why_keep_nothing(previous, changes, plan(contexts[:1], source, FIRST_ROW))
    kept = set() if why_whole else set(changes.kept)
    same = [context for context in contexts if kept.issuperset(context.members)]
    rescored: PlanTable | None = None
    if changes.new and same:
        rows = plan(same, source.among(changes.new), RESCORED)
        rescored = PlanTable.from_frame(rows, len(descriptions))
    arithmetic = previous.arithmetic or ""  # of no row unless some are kept
    both = Families(previous.families, families)
    merged = merge_rows(
        previous.table, rescored, same, changes, both, previous.unproven, config, arithmetic
    )
    wanted = _planned_again(contexts, kept, merged)
    planned = plan(wanted, source, ANEW)
    return RefreshedRows(
        rows=join_rows([merged.rows, planned], contexts),
        changes=changes,
        n_rescored=len(same) if changes.new else 0,
        n_planned_anew=len(wanted),
        cost=add_costs(costs),
        why_whole=why_whole,
    )


def why_keep_nothing(
    previous: PreviousTable, changes: ClusterChanges, first_row: pl.DataFrame
) -> str:
    """Return why a full run would not give the previous rows again; empty where it would.

    ``first_row`` is a row as this run plans it.
    """
    arithmetic = common_arithmetic(first_row)
    if arithmetic is None or arithmetic != previous.arithmetic:
        return "another processor, number of threads or version planned the previous table"
    if not is_by_row(arithmetic) and (changes or previous.unproven):
        return "the last bits of a row depend on its batch on this processor"
    return ""


def common_arithmetic(rows: pl.DataFrame) -> str | None:
    """Return what the last bits of all these rows rest on; ``None`` if they differ in that."""
    found: list[str] = rows["arithmetic"].unique().to_list()
    return found[0] if len(found) == 1 else None


def refuse_dependent_scores(changes: ClusterChanges, config: TableConfig) -> None:
    """Raise :class:`UserError` if clusters changed and the score depends on all descriptions."""
    if changes and config.score == "closed":
        rule = "a changed cluster leaves the scores of the others alone, as with table.score: open"
        remedy = "set table.previous to null: every row has to be planned"
        found = f"{len(changes.new)} new, {len(changes.gone)} gone, table.score: closed"
        raise UserError("table.previous", rule, remedy, found)


def _planned_again(
    contexts: Sequence[ClusterContext], kept: Collection[int], merged: MergedRows
) -> list[ClusterContext]:
    unproven = set(merged.unproven)
    return [p for p in contexts if p in unproven or not all(member in kept for member in p.members)]
