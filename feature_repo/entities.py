"""What features are about: a user, a pair of clusters, and the release both belong to."""

from __future__ import annotations

from feast import Entity, ValueType

USER_ENTITY = Entity(
    name="user",
    join_keys=["user_id"],
    value_type=ValueType.STRING,
    description="who acts",
)

RELEASE_ENTITY = Entity(
    name="release",
    join_keys=["release_id"],
    value_type=ValueType.STRING,
    description="the release a row was computed with; two releases live side by side",
)

CLUSTER_PAIR_ENTITY = Entity(
    name="cluster_pair",
    join_keys=["pair_key"],
    value_type=ValueType.STRING,
    description="one or two history clusters, ascending, as one canonical key",
)
