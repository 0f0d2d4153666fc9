"""A table of the rows that the plans of some cases look up, and of no others."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from expectations.contracts.values import ClusterPair
from inference.plans.combine import pairs_to_look_up
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
    histories: Sequence[Sequence[int]],
    table: TableConfig,
    plan: PlanConfig,
) -> PlanTable:
    """Return the planner's rows that plans of these histories look up, see :func:`fill_case_table`.

    Args:
        planner: in evaluation mode.
        descriptions: of every cluster, by id.
        histories: history clusters, newest first.
        table: depth, rounding, batch size.
        plan: which pairs of a history are looked up.
    """
    ranker = make_ranker(planner, descriptions, table)
    return fill_case_table(ranker, len(descriptions), histories, table, plan)


def fill_case_table(
    ranker: ContextRanker,
    n_clusters: int,
    histories: Sequence[Sequence[int]],
    table: TableConfig,
    plan: PlanConfig,
) -> PlanTable:
    """Return a table with the rows that plans of these histories look up, and no other."""
    needed = {pair for history in histories for pair in pairs_to_look_up(history, plan)}
    if not needed:
        return PlanTable.without_rows(n_clusters)
    rows = [
        frame_rows(contexts, ranker.rank_batch(contexts))
        for contexts in cut_batches(sorted(needed, key=_size_first), table.batch_rows)
    ]
    return PlanTable.from_frame(stamp_rows(pl.concat(rows), NO_TIME), n_clusters)


def _size_first(pair: ClusterPair) -> tuple[int, tuple[int, ...]]:
    return len(pair.members), pair.members
