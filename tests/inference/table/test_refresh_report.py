"""The refresh report on tables made by hand: overlaps, movers, and the call for fine-tuning."""

from __future__ import annotations

import numpy as np
import pytest

from inference.table.bulk import BulkCost
from inference.table.partial_run import RefreshedRows
from inference.table.plan_table import PlanTable
from inference.table.refresh import ClusterChanges, compare_descriptions
from inference.table.refresh_report import (
    RefreshReport,
    flatten_report,
    measure_overlaps,
    report_refresh,
    write_refresh,
)
from tests.worlds.planning import make_table

N = 12
TEXTS = tuple(f"cluster {i}" for i in range(N))


def table_of(likes: np.ndarray) -> PlanTable:
    return PlanTable.from_frame(make_table(likes), len(likes))


def report_of(before: np.ndarray, after: np.ndarray, changes: ClusterChanges) -> RefreshReport:
    second = make_table(after)
    cost = BulkCost(0, 0, 0.0, 0.0, 0)
    refreshed = RefreshedRows(second, changes, 7, 9, cost)
    return report_refresh(table_of(before), table_of(after), refreshed)


def test_overlaps_count_ids_that_mean_the_same() -> None:
    kept = np.array([True, True, True, False, True, True, True, False])
    first = np.array([[0, 1, 2, 3, 4]] * 3 + [[-1] * 5], dtype=np.int32)
    second = np.array(
        [[4, 2, 1, 0, 3], [0, 1, 2, 5, 6], [6, 5, -1, -1, -1], [-1] * 5], dtype=np.int32
    )
    # id 3 is another cluster now: 4 in common of 6; 3 of 7; none; two empty rows are alike
    assert measure_overlaps(first, second, kept).tolist() == [4 / 6, 3 / 7, 0, 1]


def test_the_same_table_overlaps_wholly() -> None:
    likes = np.random.default_rng(0).normal(size=(N, N))
    report = report_of(likes, likes, compare_descriptions(TEXTS, TEXTS))
    assert report.figures.jaccard_at_5 == 1
    assert report.figures.rows_changed_at_5 == 0
    assert report.figures.rows_same_context == report.figures.rows == N + N * (N - 1) // 2
    assert not report.movers
    assert flatten_report(report, 1.0)["asks_for_fine_tuning"] == 0


def test_a_newcomer_that_everybody_likes_is_found() -> None:
    before = np.tile(-np.arange(float(N)), (N, 1))
    after = before.copy()
    after[:, 11] = 1.0  # the last of all, renamed, is now the first
    changes = compare_descriptions(TEXTS, (*TEXTS[:11], "fashion"))
    report = report_of(before, after, changes)
    assert report.figures.rows_same_context == 11 + 11 * 10 // 2
    # it pushes out the fifth of every row: 4 in common of 6
    assert report.figures.jaccard_at_5 == pytest.approx(4 / 6)
    assert report.movers[0].cluster == 11
    assert (report.movers[0].before, report.movers[0].after) == (0, 66)
    assert sum(mover.after - mover.before for mover in report.movers) == 0
    page = write_refresh(report, TEXTS, (*TEXTS[:11], "fashion"), changes, 0.8)
    assert "| 11 | cluster 11 | fashion |" in page
    assert "Fine-tune the planner again" in page
    assert flatten_report(report, 0.8)["asks_for_fine_tuning"] == 1
    assert flatten_report(report, 0.6)["asks_for_fine_tuning"] == 0


def test_everything_renamed_has_nothing_to_compare() -> None:
    likes = np.zeros((N, N))
    changes = compare_descriptions(TEXTS, [f"other {i}" for i in range(N)])
    figures = report_of(likes, likes, changes).figures
    assert (figures.rows_same_context, figures.jaccard_at_5) == (0, 1.0)
