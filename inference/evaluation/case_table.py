"""A table of the rows that the plans of some cases look up, and of no others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from expectations.contracts.values import ClusterContext
from inference.plans.combine import contexts_to_look_up
from inference.plans.config import PlanConfig
from inference.search.config import TableConfig
from inference.search.ranking import ContextRanker
from inference.table.plan_table import PlanTable
from inference.table.shards import frame_rows
from inference.table.table import cut_batches, make_ranker, stamp_rows
from training.planner.base.model_io import Planner

NO_TIME = datetime(1970, 1, 1)


def plan_case_table(
    planner: Planner,
    descriptions: tuple[str, ...],
    families: Sequence[int],
    histories: Sequence[Sequence[int]],
    table: TableConfig,
    plan: PlanConfig,
) -> PlanTable:
    """Return the planner's rows that plans of these histories look up, see :func:`fill_case_table`.

    Args:
        planner: in evaluation mode.
        descriptions: of every cluster, by id.
        families: of every cluster, see :func:`~inference.search.ranking.families_of`.
        histories: history clusters, newest first.
        table: depth, rounding, batch size.
        plan: which contexts of a history are looked up.
    """
    ranker = make_ranker(planner, descriptions, families, table)
    return fill_case_table(ranker, len(descriptions), histories, table, plan)


def fill_case_table(
    ranker: ContextRanker,
    n_clusters: int,
    histories: Sequence[Sequence[int]],
    table: TableConfig,
    plan: PlanConfig,
) -> PlanTable:
    """Return a table with the rows that plans of these histories look up, and no other."""
    needed = {context for history in histories for context in contexts_to_look_up(history, plan)}
    if not needed:
        return PlanTable.without_rows(n_clusters)
    rows = [
        frame_rows(contexts, ranker.rank_batch(contexts))
        for contexts in cut_batches(sorted(needed, key=_size_first), table.batch_rows)
    ]
    return PlanTable.from_frame(stamp_rows(pl.concat(rows), NO_TIME), n_clusters)


def _size_first(context: ClusterContext) -> tuple[int, tuple[int, ...]]:
    return len(context.members), context.members
