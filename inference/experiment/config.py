"""Settings of the simulated live experiment: section ``experiment`` of ``params.yaml``."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from training.bandits.config import BanditConfig
from training.config import Config


class ArmName(StrEnum):
    """The arms: what, if anything, names the novel clusters that a list explores."""

    CONTROL = "control"
    """Nothing: the recommender's ordinary list."""
    RANDOM = "random"
    """Any novel cluster."""
    POPULAR = "popular"
    """The novel clusters that most people came to like."""
    PAIR_COUNTS = "pair_counts"
    """A table that pair counts fill, served as the planner's is."""
    HCB = "hcb"
    """The hierarchical contextual bandit."""
    PHCB = "phcb"
    """Its progressive form."""
    NEURAL_LINEAR = "neural_linear"
    """The neural linear bandit."""
    UNALIGNED = "unaligned"
    """The planner's table without the alignment."""
    PLANNER = "planner"
    """The planner as served."""
    PLACEBO = "placebo"
    """The planner's table with the names of its clusters shuffled."""
    ORACLE = "oracle"
    """The clusters that the participant would like best: the truth."""
    PLANNER_ADJACENT = "planner_adjacent"
    """The planner, places for adjacent clusters first."""
    PLANNER_NEW_FAMILY = "planner_new_family"
    """The planner, places for clusters of new families first."""
    PLANNER_NEW_FIELD = "planner_new_field"
    """The planner, places for clusters of new fields first."""
    CALIBRATED = "planner_calibrated"
    """The planner as served, by a share of exploration that follows what people like."""


class ExperimentConfig(Config):
    """Who takes part, what they are shown, and how they tire.

    Attributes:
        arms: that take part; ``control`` always does.
        world: ``planted`` as the data set was made; ``null``: nobody has an interest left to
            discover, so that exploration can only cost.
        max_users: participants, drawn among the users with a liked cluster.
        rounds: requests of every participant.
        count: items in an answer.
        exploration_share: share of an answer that comes from planned novel clusters, in the arms
            that have one.
        planned_clusters: novel clusters that explored positions are drawn from.
        position_decay: the item at position p, from 0, is examined with probability
            ``position_decay ** p`` (the persistence of rank-biased precision, Moffat
            and Zobel, 2008).
        tiring: affinity for a topic shrinks by the factor ``exp(-tiring)`` with each item of it
            consumed.
        recovery: share of that tiredness that is gone by the next request.
        leaving: chance of a user to leave for good after an answer of which nothing was liked; each
            item liked divides it by e.
        drift: standard deviation of what is added to an affinity from one request to the next.
        emerging: share of the undiscovered interests that come up while the experiment runs.
        arriving: share of the items that are added to the catalogue while it runs.
        bandits: how the bandits learn.
    """

    arms: tuple[ArmName, ...] = (
        ArmName.CONTROL,
        ArmName.RANDOM,
        ArmName.PAIR_COUNTS,
        ArmName.HCB,
        ArmName.NEURAL_LINEAR,
        ArmName.PLANNER,
        ArmName.ORACLE,
    )
    world: Literal["planted", "null"] = "planted"
    max_users: int = Field(default=300, ge=1)
    rounds: int = Field(default=10, ge=1)
    count: int = Field(default=10, ge=1)
    exploration_share: float = Field(default=0.2, ge=0, le=1)
    planned_clusters: int = Field(default=10, ge=1)
    position_decay: float = Field(default=0.9, gt=0, le=1)
    tiring: float = Field(default=0.15, ge=0)
    recovery: float = Field(default=0.3, ge=0, le=1)
    leaving: float = Field(default=0.0, ge=0, le=1)
    drift: float = Field(default=0.0, ge=0)
    emerging: float = Field(default=0.0, ge=0, le=1)
    arriving: float = Field(default=0.0, ge=0, le=1)
    bandits: BanditConfig = BanditConfig()
