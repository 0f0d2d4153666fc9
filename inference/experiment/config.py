"""Settings of the simulated live experiment: section ``experiment`` of ``params.yaml``."""

from __future__ import annotations

from pydantic import Field

from training.config import Config


class ExperimentConfig(Config):
    """Who takes part, what they are shown, and how they tire.

    Attributes:
        max_users: participants, drawn among the users with a liked cluster.
        rounds: requests of every participant.
        count: items in an answer.
        exploration_share: share of an answer that comes from planned novel clusters, in the arm
            that has one.
        planned_clusters: novel clusters that the recommender is restricted to.
        position_decay: the item at position p, from 0, is examined with probability
            ``position_decay ** p`` (the persistence of rank-biased precision, Moffat
            and Zobel, 2008).
        tiring: affinity for a topic shrinks by the factor ``exp(-tiring)`` with each item of it
            consumed.
        recovery: share of that tiredness that is gone by the next request.
    """

    max_users: int = Field(default=400, ge=1)
    rounds: int = Field(default=10, ge=1)
    count: int = Field(default=10, ge=1)
    exploration_share: float = Field(default=0.2, ge=0, le=1)
    planned_clusters: int = Field(default=5, ge=1)
    position_decay: float = Field(default=0.9, gt=0, le=1)
    tiring: float = Field(default=0.15, ge=0)
    recovery: float = Field(default=0.3, ge=0, le=1)
