"""The page of tables: what every table must be, from its one declaration."""

from __future__ import annotations

from expectations.contracts.tables import ALL_TABLES, Column
from pipelines.reference.page_text import code, table

HEADER = ("Column", "Type", "May be null", "Bounds", "Meaning")
INTRODUCTION = """# Tables

Every table is declared once, in `expectations/contracts/tables.py`. It is checked against this
whenever it is written or read: columns and their types, nulls, bounds, and that no two rows share
the key. Arrow schemas, the suites of Great Expectations and Feast's fields follow from it.
"""


def tables_page() -> str:
    """Return the page of all tables."""
    parts = [INTRODUCTION]
    for declared in ALL_TABLES:
        facts = [f"Key: {', '.join(map(code, declared.key))}."]
        if declared.event_time:
            facts.append(f"Event time: {code(declared.event_time)}.")
        if declared.may_be_empty:
            facts.append("May be empty.")
        rows = [_row(column) for column in declared.columns]
        said = declared.description[:1].upper() + declared.description[1:]
        parts.append(f"## {declared.name}\n\n{said}. {' '.join(facts)}\n\n{table(HEADER, rows)}")
    return "\n".join(parts)


def _row(column: Column) -> tuple[str, ...]:
    bounds = [
        f"at least {column.minimum:g}" if column.minimum is not None else "",
        f"at most {column.maximum:g}" if column.maximum is not None else "",
    ]
    nullable = "yes" if column.nullable else "no"
    told = ", ".join(filter(None, bounds))
    return code(column.name), code(str(column.dtype)), nullable, told, column.description
