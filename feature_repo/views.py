"""The feature views. Their fields come from the table declarations, never from a second list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
from feast import Entity, FeatureView, Field, FileSource, PushSource
from feast.types import (
    Array,
    Bool,
    ComplexFeastType,
    Float32,
    Int64,
    PrimitiveFeastType,
    String,
    UnixTimestamp,
)

from expectations.contracts.tables import (
    BOOLEAN,
    FLOAT,
    INTEGER,
    NOVEL_CLUSTER_TABLE,
    STRING,
    TIME,
    USER_CLUSTER_HISTORY,
    USER_ITEM_HISTORY,
    USER_LIVE_EVENTS,
    Column,
    Table,
)
from feature_repo.entities import CLUSTER_CONTEXT_ENTITY, OWNER, RELEASE_ENTITY, USER_ENTITY
from feature_repo.sources import build_push_source, build_source

# A state holds until the next one, however long the person stays away; a row of the table holds
# as long as its release. Zero is Feast's word for that.
NEVER_EXPIRES = timedelta(0)

PRIMITIVES: dict[pa.DataType, PrimitiveFeastType] = {
    STRING: String,
    INTEGER: Int64,
    FLOAT: Float32,
    BOOLEAN: Bool,
    TIME: UnixTimestamp,
}


@dataclass(frozen=True)
class Views:
    """Every feature view of the project."""

    user_cluster_history: FeatureView
    user_item_history: FeatureView
    user_live_events: FeatureView
    novel_cluster_table: FeatureView

    def all(self) -> tuple[FeatureView, ...]:
        """Return the views, in a fixed order."""
        return (
            self.user_cluster_history,
            self.user_item_history,
            self.user_live_events,
            self.novel_cluster_table,
        )


def build_views(root: Path) -> Views:
    """Return the views over the offline files of the working tree at ``root``."""
    users = [RELEASE_ENTITY, USER_ENTITY]
    contexts = [RELEASE_ENTITY, CLUSTER_CONTEXT_ENTITY]

    def batch_view(table: Table, entities: list[Entity]) -> FeatureView:
        return build_view(table, entities, build_source(table, root), written_by="publish")

    return Views(
        user_cluster_history=batch_view(USER_CLUSTER_HISTORY, users),
        user_item_history=batch_view(USER_ITEM_HISTORY, users),
        user_live_events=build_view(
            USER_LIVE_EVENTS,
            [USER_ENTITY],
            build_push_source(USER_LIVE_EVENTS, root),
            written_by="event path",
        ),
        novel_cluster_table=batch_view(NOVEL_CLUSTER_TABLE, contexts),
    )


def build_view(
    table: Table, entities: list[Entity], source: FileSource | PushSource, written_by: str
) -> FeatureView:
    """Return the view that serves ``table``: its key joins, its other columns are features.

    ``written_by`` says who alone writes its online rows.
    """
    keys = [table.column(entity.join_key) for entity in entities]
    return FeatureView(
        name=table.name,
        entities=entities,
        ttl=NEVER_EXPIRES,
        schema=[to_field(column) for column in (*keys, *table.features)],
        source=source,
        online=True,
        description=table.description,
        tags={"written_by": written_by, "declared_in": "expectations/contracts/tables.py"},
        owner=OWNER,
    )


def to_field(column: Column) -> Field:
    """Return the Feast field of a declared column; raises ``KeyError`` on a type Feast lacks."""
    return Field(
        name=column.name, dtype=to_feast_type(column.dtype), description=column.description
    )


def to_feast_type(dtype: pa.DataType) -> PrimitiveFeastType | ComplexFeastType:
    """Return the Feast type of an Arrow type that the contracts use."""
    if pa.types.is_list(dtype):
        return Array(PRIMITIVES[dtype.value_type])
    return PRIMITIVES[dtype]
