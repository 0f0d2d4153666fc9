"""How explored positions are filled: section ``serving.exploration`` of ``params.yaml``."""

from __future__ import annotations

from pydantic import Field

from training.config import Config


class ExplorationPolicy(Config):
    """How explored positions are filled.

    Attributes:
        cluster_decay: a planned cluster is drawn with a weight of this to the power of its rank
            in the plan; 0 takes the best, 1 draws them all alike.
        item_decay: the same for the items of a cluster.
        items_drawn: first items of a cluster that one is drawn from.
        popularity_weight: of the logarithm of an item's likes, which is added to the recommender's
            score of it within a planned cluster; 0 leaves the order to the recommender.
        rest_after: answers that showed a planned cluster, none of whose items was taken, before
            it stands behind the others.
        rest_days: how long it does, and how long a cluster that was refused is not planned.
        remembered_users: people whose shown clusters are remembered; the others' are forgotten,
            least recent first.
    """

    cluster_decay: float = Field(default=0.9, ge=0, le=1)
    item_decay: float = Field(default=0.7, ge=0, le=1)
    items_drawn: int = Field(default=5, ge=1)
    popularity_weight: float = Field(default=10.0, ge=0)
    rest_after: int = Field(default=5, ge=1)
    rest_days: float = Field(default=14.0, ge=0)
    remembered_users: int = Field(default=100_000, ge=0)
