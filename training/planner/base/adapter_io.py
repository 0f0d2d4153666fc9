"""Puts a LoRA adapter on a base model, and saves it without a trace of where it was made."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model
from torch import nn
from transformers.pytorch_utils import Conv1D

from expectations.contracts.errors import UserError
from training.planner.base.base_reference import write_base_record
from training.planner.base.layers import layers_of
from training.planner.base.model_io import BASE_RECORD
from training.planner.base.prompt_record import PromptRecord, write_prompt_record
from training.planner.config import LoraSettings

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ADAPTER_CONFIG = "adapter_config.json"
NEUTRAL_BASE_NAME = "base_model"


def add_adapter(model: PreTrainedModel, settings: LoraSettings, seed: int) -> PeftModel:
    """Return the model with a fresh adapter; only the adapter's weights are trainable.

    Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models" (ICLR 2022).

    Raises:
        UserError: it is to be put on more layers than there are.
    """
    targets, layers = _place_of(model, settings)
    config = LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=targets,
        layers_to_transform=layers,
    )
    # peft draws from the global generator: seed it, then restore. It also asks transformers for
    # an attribute by its old name, which is no news to whoever runs this.
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        torch.manual_seed(seed)
        return get_peft_model(model, config)


def _place_of(
    model: PreTrainedModel, settings: LoraSettings
) -> tuple[list[str] | str, list[int] | None]:
    """Return peft's names of what is adapted, and the numbers of the layers with it or ``None``."""
    if settings.layers is None:
        return list(settings.targets) or "all-linear", None
    layers = layers_of(model)
    if settings.layers > len(layers):
        rule = f"counts layers of the base model, which has {len(layers)}"
        remedy = "lower it, or set it to null for all of them"
        raise UserError("planner.lora.layers", rule, remedy, str(settings.layers))
    linear = {
        name.rpartition(".")[2]
        for name, part in layers.named_modules()
        if isinstance(part, nn.Linear | Conv1D)
    }
    upper = range(len(layers) - settings.layers, len(layers))
    return list(settings.targets) or sorted(linear), list(upper)


def save_adapter(model: PeftModel, prompt: PromptRecord, base_folder: Path, folder: Path) -> None:
    """Write adapter weights, configuration, prompts and the base model's print to ``folder``.

    The bytes depend on the weights alone: peft's model card goes, sets are sorted, and the base
    model's path is replaced by a neutral name.
    """
    model.save_pretrained(str(folder), safe_serialization=True, save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    file = folder / ADAPTER_CONFIG
    config = json.loads(file.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = NEUTRAL_BASE_NAME
    if isinstance(config["target_modules"], list):
        config["target_modules"] = sorted(config["target_modules"])
    file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    write_base_record(base_folder, folder / BASE_RECORD)
    write_prompt_record(prompt, folder)
