"""The base of every room's configuration: frozen, and strict about keys it does not know."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Device = Literal["auto", "cpu", "cuda"]
"""Where a model is trained; ``auto`` is a GPU where there is one."""


class Config(BaseModel):
    """A section of ``params.yaml``. Unknown keys and wrong types are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class RuntimeConfig(Config):
    """What every stage shares.

    Attributes:
        seed: of all random numbers.
        threads: of matrix products and of Polars, in each stage; results depend on it in their
            last bits.
    """

    seed: int = 0
    threads: int = 2
