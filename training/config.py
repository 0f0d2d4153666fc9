"""The base of every room's configuration: frozen, and strict about keys it does not know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, model_validator

Device = Literal["auto", "cpu", "cuda"]
"""Where a model is trained; ``auto`` is a GPU where there is one."""

Precision = Literal["auto", "float32", "bfloat16"]
"""Of products in training; ``auto`` is bfloat16 where the device multiplies it."""


class RenamedKeyError(ValueError):
    """A section holds a key by the name that an earlier version had for it."""


class Config(BaseModel):
    """A section of ``params.yaml``. Unknown keys, wrong types and numbers that are none are errors.

    Attributes:
        renamed: keys of earlier versions, and what each is called now; an error names it.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )
    renamed: ClassVar[Mapping[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _refuse_earlier_names(cls, given: object) -> object:
        for old, new in cls.renamed.items():
            if isinstance(given, Mapping) and old in given:
                raise RenamedKeyError(f"{old!r} is now called {new!r}")
        return given


class RuntimeConfig(Config):
    """What every stage shares.

    Attributes:
        seed: of all random numbers.
        threads: of matrix products and of Polars, in each stage; results depend on it in their
            last bits.
    """

    seed: int = 0
    threads: int = 1
