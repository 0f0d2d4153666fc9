"""Checks an Arrow table against its declaration; the error names table, rule and rows."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from expectations.contracts.errors import SAMPLE_ROWS, ContractError
from expectations.contracts.tables import Column, Table


def check_table(data: pa.Table, table: Table, where: str | None = None) -> None:
    """Raise :class:`ContractError` unless ``data`` is exactly what ``table`` declares.

    Checked in this order: columns and types, emptiness, nulls, bounds, key.
    """
    where = where or table.name
    check_columns(data.schema, table, where)
    if data.num_rows == 0 and not table.may_be_empty:
        raise ContractError(where, f"table {table.name} has no rows", "look at what feeds it")
    check_values(data, table, where)
    _check_key(data, table, where)


def check_columns(schema: pa.Schema, table: Table, where: str) -> None:
    """Raise :class:`ContractError` unless columns and types are the declared ones, in order."""
    if schema.names != table.schema.names:
        rule = f"table {table.name} has the columns {', '.join(table.schema.names)}"
        raise ContractError(
            where, rule, "write it with the declared columns", ", ".join(schema.names)
        )
    for column, found in zip(table.columns, schema.types, strict=True):
        if not _is_same_type(found, column.dtype):
            rule = f"column {column.name} is of type {column.dtype}"
            raise ContractError(where, rule, "cast it where it is made", str(found))


def _is_same_type(found: pa.DataType, declared: pa.DataType) -> bool:
    # Parquet renames the field inside a list, and that name is part of Arrow's equality.
    if pa.types.is_list(found) and pa.types.is_list(declared):
        return bool(found.value_type.equals(declared.value_type))
    return bool(found.equals(declared))


def check_values(data: pa.Table, table: Table, where: str) -> None:
    """Raise :class:`ContractError` on a null, NaN, or value out of its column's bounds."""
    for column in table.columns:
        _check_column(data, column, where)


def _check_column(data: pa.Table, column: Column, where: str) -> None:
    values = data.column(column.name)
    if not column.nullable and values.null_count:
        row = pc.index(pc.is_null(values), True).as_py()
        rule = f"column {column.name} has no nulls"
        raise ContractError(where, rule, "fill or drop those rows", f"null in row {row}")
    if column.minimum is not None:
        _refuse(pc.less(values, column.minimum), values, f">= {column.minimum}", column, where)
    if column.maximum is not None:
        _refuse(pc.greater(values, column.maximum), values, f"<= {column.maximum}", column, where)
    if pa.types.is_floating(column.dtype):
        _refuse(pc.is_nan(values), values, "a number, not NaN", column, where)


def _refuse(
    bad: pa.ChunkedArray, values: pa.ChunkedArray, bound: str, column: Column, where: str
) -> None:
    if pc.any(bad).as_py():
        sample = values.filter(bad).slice(0, SAMPLE_ROWS).to_pylist()
        raise ContractError(
            where, f"column {column.name} is {bound}", "mend its source", str(sample)
        )


def _check_key(data: pa.Table, table: Table, where: str) -> None:
    counts = data.select(list(table.key)).group_by(list(table.key)).aggregate([([], "count_all")])
    if counts.num_rows == data.num_rows:
        return
    repeated = counts.filter(pc.greater(counts.column("count_all"), 1)).slice(0, SAMPLE_ROWS)
    sample = str(repeated.select(list(table.key)).to_pylist())
    rule = f"rows of {table.name} are unique by ({', '.join(table.key)})"
    raise ContractError(where, rule, "remove the repeated rows", sample)
