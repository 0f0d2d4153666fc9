"""What a Parquet file of ours says of itself in its footer: its schema, its rows.

Rows that went missing after it was written, and a file that something else wrote, are so told
apart from what a stage has left.
"""

from __future__ import annotations

import json

import pyarrow.parquet as pq

from expectations.contracts.errors import ContractError

FOOTER_SCHEMA = 1
"""The first: files of before had no such footer."""
FOOTER_KEY = "interest_explorer"
REMEDY = "run the stage that writes it again"


def write_footer(writer: pq.ParquetWriter, rows: int) -> None:
    """Add schema and number of rows to a file that is about to be closed."""
    writer.add_key_value_metadata({FOOTER_KEY: json.dumps({"schema": FOOTER_SCHEMA, "rows": rows})})


def check_footer(found: pq.FileMetaData, where: str, may_be_older: bool) -> None:
    """Hold a file against its own footer; entries that this version does not know are passed over.

    Args:
        found: what Parquet says of the file.
        where: the file's name.
        may_be_older: also a file without a footer, as versions before the first wrote it.

    Raises:
        ContractError: a later version or another program wrote the file, or rows are missing.
    """
    text = (found.metadata or {}).get(FOOTER_KEY.encode())
    if text is None:
        if may_be_older:
            return
        rule = "a stage of this version wrote the file"
        raise ContractError(where, rule, REMEDY, "no schema in its footer")
    try:
        footer = json.loads(text)
        schema, rows = int(footer["schema"]), int(footer["rows"])
    except (ValueError, KeyError, TypeError) as error:
        rule = "its footer says schema and rows"
        raise ContractError(where, rule, REMEDY, repr(error)) from None
    if schema > FOOTER_SCHEMA:
        rule = f"its layout is of schema {FOOTER_SCHEMA} or earlier"
        raise ContractError(
            where, rule, "read it with a later version of this project", str(schema)
        )
    if rows != found.num_rows:
        rule = f"it has the {rows:,} rows that were written"
        raise ContractError(where, rule, REMEDY, f"{found.num_rows:,}")
