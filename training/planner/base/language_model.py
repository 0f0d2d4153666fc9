"""A base language model as the rooms hand it on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class BaseModel(NamedTuple):
    """A causal language model and the tokenizer that belongs to it, both of transformers."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
