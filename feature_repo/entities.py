"""What features are about: a user, a context of clusters, and the release both belong to."""

from __future__ import annotations

from feast import Entity, ValueType

OWNER = "recommendation team"

USER_ENTITY = Entity(
    name="user",
    join_keys=["user_id"],
    value_type=ValueType.STRING,
    description="who acts",
    tags={"personal_data": "yes"},
    owner=OWNER,
)

RELEASE_ENTITY = Entity(
    name="release",
    join_keys=["release_id"],
    value_type=ValueType.STRING,
    description="the release a row was computed with; two releases live side by side",
    tags={"personal_data": "no"},
    owner=OWNER,
)

CLUSTER_CONTEXT_ENTITY = Entity(
    name="cluster_context",
    join_keys=["context_key"],
    value_type=ValueType.STRING,
    description="one or two history clusters, ascending, as one canonical key",
    tags={"personal_data": "no"},
    owner=OWNER,
)
