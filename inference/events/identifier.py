"""The ids that a service takes: what ingest takes, so that both mean the same people and items."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from expectations.contracts.interaction_rules import ID_RULE, MAX_ID_LENGTH, is_id


def _require_id(text: str) -> str:
    if not is_id(text):
        raise ValueError(ID_RULE)
    return text


Identifier = Annotated[
    str, Field(min_length=1, max_length=MAX_ID_LENGTH), AfterValidator(_require_id)
]
"""An id of a user, an item or an event."""
