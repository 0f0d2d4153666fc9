"""Settings of the full study: section ``study`` of ``params.yaml``."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from inference.experiment.config import ArmName
from training.config import Config


class WorldName(StrEnum):
    """The worlds: where the truth comes from, and how people choose."""

    PLANTED = "planted"
    """As the synthetic data set was made."""
    CHOICE = "choice"
    """The same interests; what stands in a list competes, and some topics please the crowd."""
    FITTED = "fitted"
    """A generative model fitted to the ingested log."""
    NULL = "null"
    """Nobody has an interest left to discover."""


class StudyConfig(Config):
    """How large the study is, and what changes in its worlds; all else is the experiment's.

    Attributes:
        worlds: that are simulated; without a known truth ``fitted`` alone is.
        arms: that take part; ``control`` always does.
        seeds: how often everything is done anew. Two seeds share a draw of users and items, each
            with half of the users and half of the items (co-diverted).
        first_seed: the number of the first; another one repeats a study with draws that nobody has
            looked at. Even, since 0 and 1 share a draw, and so on.
        users: participants of a seed.
        rounds: requests of every participant; after each the recommender is trained on.
        leaving: see the experiment's settings, as for the rest.
        drift: likewise.
        emerging: likewise.
        arriving: likewise.
    """

    worlds: tuple[WorldName, ...] = Field(default=tuple(WorldName), min_length=1)
    arms: tuple[ArmName, ...] = (
        ArmName.CONTROL,
        ArmName.RANDOM,
        ArmName.PAIR_COUNTS,
        ArmName.HCB,
        ArmName.NEURAL_LINEAR,
        ArmName.PLANNER,
        ArmName.UNALIGNED,
        ArmName.CALIBRATED,
        ArmName.PLACEBO,
        ArmName.ORACLE,
    )
    seeds: int = Field(default=10, ge=2)
    first_seed: int = Field(default=0, ge=0, multiple_of=2)
    users: int = Field(default=100, ge=2)
    rounds: int = Field(default=10, ge=3)
    leaving: float = Field(default=0.1, ge=0, le=1)
    drift: float = Field(default=0.02, ge=0)
    emerging: float = Field(default=0.25, ge=0, le=1)
    arriving: float = Field(default=0.2, ge=0, le=1)

    @property
    def seed_numbers(self) -> range:
        """The seeds of the study."""
        return range(self.first_seed, self.first_seed + self.seeds)
