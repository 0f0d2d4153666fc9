"""The feature views. Their fields come from the table declarations, never from a second list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
from feast import Entity, FeatureView, Field
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
    Column,
    Table,
)
from feature_repo.entities import CLUSTER_PAIR_ENTITY, RELEASE_ENTITY, USER_ENTITY
from feature_repo.sources import build_source

# A state holds until the next one, however long the person stays away; a row of the table holds
# as long as its release. Zero is Feast's word for that.
NEVER_EXPIRES = timedelta(0)
OWNER = "recommendation team"

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
    novel_cluster_table: FeatureView

    def all(self) -> tuple[FeatureView, ...]:
        """Return the views, in a fixed order."""
        return (self.user_cluster_history, self.user_item_history, self.novel_cluster_table)


def build_views(root: Path) -> Views:
    """Return the views over the offline files of the working tree at ``root``."""
    users = [RELEASE_ENTITY, USER_ENTITY]
    return Views(
        user_cluster_history=build_view(USER_CLUSTER_HISTORY, users, root),
        user_item_history=build_view(USER_ITEM_HISTORY, users, root),
        novel_cluster_table=build_view(
            NOVEL_CLUSTER_TABLE, [RELEASE_ENTITY, CLUSTER_PAIR_ENTITY], root
        ),
    )


def build_view(table: Table, entities: list[Entity], root: Path) -> FeatureView:
    """Return the view that serves ``table``: its key joins, its other columns are features."""
    keys = [table.column(entity.join_key) for entity in entities]
    return FeatureView(
        name=table.name,
        entities=entities,
        ttl=NEVER_EXPIRES,
        schema=[to_field(column) for column in (*keys, *table.features)],
        source=build_source(table, root),
        online=True,
        description=table.description,
        tags={"written_by": "publish", "declared_in": "expectations/contracts/tables.py"},
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
