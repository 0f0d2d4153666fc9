"""What outlives the version that wrote it says its schema.

A record of an earlier schema is read, or refused in one line; one of a later schema is refused;
entries that a reader does not know are passed over. So an addition that changes what the rest
means needs a schema of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from expectations.contracts.errors import ReleaseError

SCHEMA = "schema"
FIRST = 1
"""Of records that do not say their schema: they are older than the field."""


def schema_of(content: Mapping[str, object], newest: int, where: str) -> int:
    """Return the schema of a record.

    Args:
        content: the record.
        newest: the newest schema that the reader knows.
        where: what to call the record in an error.

    Raises:
        ReleaseError: the schema is later than that, or no number.
    """
    found = content.get(SCHEMA, FIRST)
    if not isinstance(found, int) or isinstance(found, bool) or not FIRST <= found <= newest:
        rule = f"is of schema {newest} or earlier"
        remedy = "read it with the version of this project that wrote it, or a later one"
        raise ReleaseError(where, rule, remedy, repr(found)[:20])
    return found
