"""Arms of an experiment on real people: who is in which, and what differs for them."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

from pydantic import Field

from inference.plans.config import ByScore, Mix
from training.clusters.distance import Distance
from training.config import Config

DEFAULT_ARM = "default"
"""Of whom no arm has: all, where none is configured, and sessions, which name nobody."""
HASH_BYTES = 8
"""Of the hash that places a person: a share is met to 2^-64."""
ROUNDING = 1e-9
"""By which shares may add up to more than 1: a sum of decimal fractions does."""


class ServedArm(Config):
    """A part of the people, and the defaults that hold for them; what a request asks goes first.

    Attributes:
        share: of the people.
        exploration_share: in place of ``serving.exploration_share``; a share that a person chose
            goes before it.
        novelty: the least distance of a planned cluster, in place of the release's.
        mix: how places are shared by distance, in place of the release's.
    """

    share: float = Field(gt=0, le=1)
    exploration_share: float | None = Field(default=None, ge=0, le=1)
    novelty: Distance | None = None
    mix: Mix | ByScore | None = None


NO_OVERRIDES = ServedArm(share=1)


def check_arms(arms: Mapping[str, ServedArm]) -> None:
    """Raise :class:`ValueError` where arms claim more than everybody, or a name that is taken."""
    if sum(arm.share for arm in arms.values()) > 1 + ROUNDING:
        raise ValueError("the shares of arms add up to 1 at most")
    if DEFAULT_ARM in arms:
        raise ValueError(f"{DEFAULT_ARM} is the arm of whoever is in no other")


def assign_arm(user_id: str | None, arms: Mapping[str, ServedArm], salt: str) -> str:
    """Return the arm a person is in: always the same one for the same arms and salt.

    A hash of salt and id places everybody between 0 and 1, where arms lie one after another. With
    another salt the places are others, and independent of these.
    """
    if not arms or user_id is None:
        return DEFAULT_ARM
    digest = sha256(f"{salt}\0{user_id}".encode()).digest()
    place = int.from_bytes(digest[:HASH_BYTES], "big") / 2 ** (8 * HASH_BYTES)
    end = 0.0
    for name, arm in arms.items():
        end += arm.share
        if place < end:
            return name
    return DEFAULT_ARM
