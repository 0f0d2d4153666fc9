"""The base of every room's configuration: frozen, and strict about keys it does not know."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Device = Literal["auto", "cpu", "cuda"]
"""Where a model is trained; ``auto`` is a GPU where there is one."""


class Config(BaseModel):
    """A section of ``params.yaml``. Unknown keys and wrong types are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RuntimeConfig(Config):
    """What every stage shares: the seed of all random numbers and the number of threads."""

    seed: int = 0
    threads: int = 2
