"""The layers of a causal language model, which an adapter counts from the top."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from expectations.contracts.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def layers_of(model: PreTrainedModel) -> nn.ModuleList:
    """Return the model's layers, the one next to the embeddings first.

    Raises:
        UserError: it does not have them in one list.
    """
    count = model.config.get_text_config().num_hidden_layers
    for part in model.get_decoder().children():
        if isinstance(part, nn.ModuleList) and len(part) == count:
            return part
    rule = "counts the layers of a base model that has them in one list"
    raise UserError("planner.lora.layers", rule, "set it to null", model.config.model_type)
