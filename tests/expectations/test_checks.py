"""A table that breaks its declaration is refused with a line that names the rule and the rows."""

from __future__ import annotations

import pyarrow as pa
import pytest

from expectations.contracts.checks import check_table
from expectations.contracts.errors import ContractError
from expectations.contracts.tables import ALL_TABLES, CASES, CLUSTERS, Table


def tree(**changes: list[object]) -> pa.Table:
    """Three nodes of a tree, with columns replaced as asked."""
    columns: dict[str, list[object]] = {
        "level": [0, 1, 1],
        "cluster_id": [0, 0, 1],
        "parent_id": [None, 0, 0],
        "description": ["outdoor life", "trail running", "wild camping"],
        "n_items": [4, 2, 2],
        "traffic": [1.0, 0.5, 0.5],
        "distinction": [None, None, "running"],
    }
    return pa.table(columns | changes, schema=CLUSTERS.schema)


def test_a_table_as_declared_passes() -> None:
    check_table(tree(), CLUSTERS)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"n_items": [4, 0, 2]}, r"n_items is >= 1.*\[0\]"),
        ({"traffic": [1.0, 1.5, 0.5]}, r"traffic is <= 1"),
        ({"traffic": [1.0, float("nan"), 0.5]}, r"not NaN"),
        ({"description": ["a b", None, "c d"]}, r"description has no nulls.*row 1"),
        ({"cluster_id": [0, 1, 1]}, r"unique by \(level, cluster_id\).*'cluster_id': 1"),
    ],
)
def test_a_broken_rule_is_named(changes: dict[str, list[object]], rule: str) -> None:
    with pytest.raises(ContractError, match=rule):
        check_table(tree(**changes), CLUSTERS)


def test_a_missing_column_and_a_wrong_type_are_named() -> None:
    with pytest.raises(ContractError, match="has the columns"):
        check_table(tree().drop_columns(["traffic"]), CLUSTERS)
    wrong = tree().set_column(5, "traffic", pa.array(["a", "b", "c"]))
    with pytest.raises(ContractError, match="traffic is of type float"):
        check_table(wrong, CLUSTERS)


def test_only_tables_that_may_be_empty_may_be() -> None:
    with pytest.raises(ContractError, match="no rows"):
        check_table(CLUSTERS.schema.empty_table(), CLUSTERS)
    check_table(CASES.schema.empty_table(), CASES)


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.name)
def test_declarations_are_consistent(table: Table) -> None:
    names = [column.name for column in table.columns]
    assert len(names) == len(set(names))
    assert set(table.key) <= set(names)
    assert table.event_time is None or table.event_time in names
    assert all(column.description for column in table.columns)
