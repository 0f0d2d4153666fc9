"""Suites over built tables: sound ones pass; for every rule there are rows that break it alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import polars as pl
import pytest

from expectations.contracts.errors import GateError
from expectations.contracts.tables import CLUSTERS, ITEM_CLUSTERS, NOVEL_CLUSTER_TABLE, TRANSITIONS
from expectations.contracts.values import MAX_DESCRIPTION
from expectations.gates.report import Verdict
from expectations.suites.cluster_tables import (
    cluster_suite,
    description_suite,
    item_cluster_suite,
)
from expectations.suites.planned_rows import planned_row_suite
from expectations.suites.row_guard import judge_rows
from expectations.suites.tally import RowCount
from expectations.suites.transitions import transition_suite

TIME = datetime(2024, 1, 1, tzinfo=UTC)
NAN = float("nan")
N_CLUSTERS = 4


def frame_of(schema: object, rows: list[tuple[object, ...]]) -> pl.DataFrame:
    """Rows in the declared columns and types."""
    empty = pl.from_arrow(schema.empty_table())  # type: ignore[attr-defined]
    assert isinstance(empty, pl.DataFrame)
    return pl.DataFrame(rows, schema=empty.schema, orient="row")


TREE = frame_of(
    CLUSTERS.schema,
    [
        (0, 0, None, "outdoor life", 4, 1.0, None),
        (1, 0, 0, "trail running", 2, 0.5, None),
        (1, 1, 0, "wild camping", 2, 0.5, "camping"),
    ],
)
ITEMS = pl.Series("item_id", ["a", "b"])
ASSIGNED = frame_of(ITEM_CLUSTERS.schema, [("a", 0, 0), ("a", 1, 0), ("b", 0, 0), ("b", 1, 1)])
LABELS = frame_of(
    TRANSITIONS.schema,
    [
        ("train", "u", TIME, [1, 0], [0, 1], [0, 1], 2),
        ("train", "v", TIME, [3], [3], [3], 0),
        ("validation", "u", TIME, [2, 1, 0], [0, 1, 2], [1, 2], 3),
    ],
)
ROWS = frame_of(
    NOVEL_CLUSTER_TABLE.schema,
    [("build", "0", TIME, [1, 2], [-1.0, -2.0]), ("build", "0_1", TIME, [3, 2], [-1.0, -1.0])],
)


def put(frame: pl.DataFrame, row: int, **cells: object) -> pl.DataFrame:
    """The frame with some cells of one row changed."""
    rows = frame.to_dicts()
    rows[row] |= cells
    return pl.DataFrame(rows, schema=frame.schema)


Case = tuple[Callable[[pl.DataFrame], tuple[RowCount, ...]], pl.DataFrame]
SUITES: dict[str, Case] = {
    "clusters": (lambda _: cluster_suite(TREE), TREE),
    "descriptions": (lambda _: description_suite(), TREE),
    "item_clusters": (lambda _: item_cluster_suite(TREE, ITEMS), ASSIGNED),
    "transitions": (lambda _: transition_suite(N_CLUSTERS), LABELS),
    "novel_cluster_table": (lambda _: planned_row_suite(N_CLUSTERS), ROWS),
}

BROKEN = [
    ("clusters", TREE.clear(), "the tree has clusters"),
    ("clusters", put(TREE, 1, traffic=NAN), "traffic is never NaN"),
    ("clusters", put(TREE, 1, traffic=1.5), "traffic is at most 1"),
    ("clusters", put(TREE, 1, traffic=-0.5), "traffic is at least 0"),
    ("clusters", put(TREE, 1, traffic=None), "every row has a traffic"),
    ("clusters", put(TREE, 1, n_items=0), "n_items is at least 1"),
    ("clusters", put(TREE, 2, cluster_id=0), "a cluster stands once in its level"),
    ("clusters", put(TREE, 2, parent_id=7), "has a parent one level up"),
    ("clusters", put(TREE, 2, parent_id=None), "has a parent one level up"),
    ("clusters", put(TREE, 0, parent_id=0), "one at the top has none"),
    ("clusters", TREE.drop("traffic"), "every row has a traffic"),
    ("descriptions", TREE.clear(), "there are clusters to describe"),
    ("descriptions", put(TREE, 1, description=None), "every cluster has a description"),
    ("descriptions", put(TREE, 1, description=" "), "has letters or digits"),
    ("descriptions", put(TREE, 1, description="& -"), "has letters or digits"),
    ("descriptions", put(TREE, 1, description="trail "), "without blanks at its ends"),
    ("descriptions", put(TREE, 1, description="trail\nrun"), "is one line"),
    ("descriptions", put(TREE, 1, description="x" * (MAX_DESCRIPTION + 1)), "characters"),
    ("descriptions", put(TREE, 1, description="wild camping"), "no two clusters"),
    ("descriptions", put(TREE, 2, distinction="tents"), "the end of its description"),
    ("descriptions", put(TREE, 2, distinction="wild camping"), "the end of its description"),
    ("descriptions", put(TREE, 2, distinction="ping"), "the end of its description"),
    ("descriptions", TREE.drop("description"), "every cluster has a description"),
    ("item_clusters", ASSIGNED.clear(), "items are assigned"),
    ("item_clusters", put(ASSIGNED, 3, cluster_id=9), "one of the tree"),
    ("item_clusters", put(ASSIGNED, 3, cluster_id=None), "every row has a cluster_id"),
    ("item_clusters", put(ASSIGNED, 3, item_id="z"), "one of the catalogue"),
    ("item_clusters", put(ASSIGNED, 3, level=0, cluster_id=0), "one cluster in each level"),
    ("item_clusters", ASSIGNED.head(3), "every item has a cluster in every level"),
    ("item_clusters", ASSIGNED.drop("level"), "every row has a level"),
    ("transitions", LABELS.clear(), "there are train transitions"),
    ("transitions", LABELS.tail(1), "there are train transitions"),
    ("transitions", LABELS.head(2), "there are validation transitions"),
    ("transitions", put(LABELS, 0, target_cluster=None), "every row has a target_cluster"),
    ("transitions", put(LABELS, 0, target_cluster=N_CLUSTERS), "one of the clusters"),
    ("transitions", put(LABELS, 0, target_cluster=1), "the target is novel"),
    ("transitions", put(LABELS, 0, context=[]), "the context is 1 to 2 clusters"),
    ("transitions", put(LABELS, 0, context=[1, 0]), "in ascending order"),
    ("transitions", put(LABELS, 0, context=[0, 3]), "from the history clusters"),
    ("transitions", put(LABELS, 2, target_cluster=2, history_clusters=[1, 0], context=[0, 1]),
     "takes to a cluster once"),
    ("transitions", LABELS.drop("context"), "every row has a context"),
    ("novel_cluster_table", ROWS.clear(), "the table has rows"),
    ("novel_cluster_table", put(ROWS, 1, context_key="0"), "a context stands once"),
    ("novel_cluster_table", put(ROWS, 1, context_key=None), "every row has a context_key"),
    ("novel_cluster_table", put(ROWS, 1, novel_clusters=[], scores=[]), "a row plans something"),
    ("novel_cluster_table", put(ROWS, 1, novel_clusters=[9, 2]), "among the clusters"),
    ("novel_cluster_table", put(ROWS, 1, novel_clusters=[2, 2]), "plans a cluster once"),
    ("novel_cluster_table", put(ROWS, 1, scores=[-1.0]), "every planned cluster has a score"),
    ("novel_cluster_table", put(ROWS, 1, scores=[-1.0, NAN]), "scores are numbers"),
    ("novel_cluster_table", put(ROWS, 1, scores=[-1.0, None]), "scores are numbers"),
    ("novel_cluster_table", put(ROWS, 1, scores=[-1.0, float("-inf")]), "scores are numbers"),
    ("novel_cluster_table", put(ROWS, 1, scores=[-2.0, -1.0]), "scores fall"),
    ("novel_cluster_table", ROWS.drop("scores"), "every row has a scores"),
]  # fmt: skip


@pytest.mark.parametrize("name", SUITES)
def test_a_sound_table_passes_whole_and_in_pieces(name: str) -> None:
    suite_of, frame = SUITES[name]
    report = judge_rows(name, suite_of(frame), [frame]).judgement.report
    assert [verdict.reason for verdict in report.blocked] == []
    assert {verdict.guard for verdict in report.verdicts} == {name}


@pytest.mark.parametrize(("name", "frame", "rule"), BROKEN)
def test_a_fault_blocks_and_is_named(name: str, frame: pl.DataFrame, rule: str) -> None:
    suite_of, _ = SUITES[name]
    report = judge_rows(name, suite_of(frame), [frame]).judgement.report
    assert any(rule in verdict.metric for verdict in report.blocked), report.blocked
    with pytest.raises(GateError) as caught:
        report.raise_if_blocked("more in index.html")
    line = str(caught.value)
    assert rule in line
    assert "more in index.html" in line
    assert "\n" not in line


@pytest.mark.parametrize("name", SUITES)
def test_every_rule_has_rows_that_break_it(name: str) -> None:
    """A rule that nothing here breaks might be one that nothing can break."""
    suite_of, frame = SUITES[name]
    rules = {verdict.metric for verdict in _verdicts(name, suite_of, frame)}
    broken = {
        verdict.metric
        for of, frame, _ in BROKEN
        if of == name and frame.width == SUITES[name][1].width
        for verdict in _verdicts(name, suite_of, frame)
        if not verdict.passed
    }
    declared = {rule for rule in rules if rule.startswith("every row has a")}
    assert rules - broken <= declared | {"level is at least 0", "cluster_id is at least 0",
                                         "target_cluster is at least 0"}  # fmt: skip


def _verdicts(
    name: str, suite_of: Callable[[pl.DataFrame], tuple[RowCount, ...]], frame: pl.DataFrame
) -> tuple[Verdict, ...]:
    return judge_rows(name, suite_of(frame), [frame]).judgement.report.verdicts
