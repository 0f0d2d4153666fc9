"""How a base model is held while it is tuned: its type of number, four bits, less memory."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import torch
from peft import prepare_model_for_kbit_training
from transformers import BitsAndBytesConfig
from transformers.utils import is_bitsandbytes_available

from expectations.contracts.errors import UserError
from training.planner.config import HardwareConfig
from training.precision import mixed_precision, products_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def dtype_of(hardware: HardwareConfig, device: torch.device) -> torch.dtype:
    """Return the type of the frozen weights: by ``auto`` bfloat16 on a GPU, float32 elsewhere."""
    if hardware.dtype == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    return torch.bfloat16 if hardware.dtype == "bfloat16" else torch.float32


def tuning_precision(
    hardware: HardwareConfig, device: torch.device
) -> AbstractContextManager[None]:
    """Return the context of a forward pass in training: narrow products on a processor.

    On a GPU the weights are narrow already, or wanted whole. Layers that are computed again on the
    way back would be so outside of this context: with checkpointing products stay exact.
    """
    narrows = device.type == "cpu" and not hardware.gradient_checkpointing
    products = products_of(hardware.precision, device) if narrows else torch.float32
    return mixed_precision(products, device)


def quantization_of(hardware: HardwareConfig, dtype: torch.dtype) -> BitsAndBytesConfig | None:
    """Return what transformers is told to load by: NF4 with products in ``dtype``, or ``None``.

    Dettmers et al., "QLoRA: Efficient Finetuning of Quantized LLMs" (NeurIPS 2023).

    Raises:
        UserError: bitsandbytes is not installed.
    """
    if hardware.quantization == "none":
        return None
    if not is_bitsandbytes_available():
        raise UserError(
            "planner.hardware.quantization",
            "4bit needs the package bitsandbytes",
            "pip install -c constraints.txt -e '.[quantization]', or set it to none",
        )
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )


def prepare_for_tuning(model: PreTrainedModel, hardware: HardwareConfig) -> PreTrainedModel:
    """Return the base model ready for an adapter, as the settings ask."""
    if hardware.quantization != "none":
        # norms and embeddings go to float32; the rest of it is for the other way of checkpointing
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    if hardware.gradient_checkpointing:
        model.activation_checkpointing_enable(
            activation_checkpointing_kwargs={"use_reentrant": False}
        )
    return model
