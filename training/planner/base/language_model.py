"""A base language model as the rooms hand it on."""

from __future__ import annotations

from typing import Any, NamedTuple


class BaseModel(NamedTuple):
    """A causal language model and the tokenizer that belongs to it, both of transformers."""

    model: Any
    tokenizer: Any
