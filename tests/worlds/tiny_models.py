"""Small randomly initialised language models of several architectures, saved as folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    LlamaConfig,
    Qwen3Config,
)

from training.planner.base.tokenizer import train_tokenizer
from training.planner.prompt import render_completion, render_prompt

ARCHITECTURES = ("llama", "gpt2", "qwen3", "gemma3")
HIDDEN, LAYERS, HEADS = 64, 2, 2


def save_tiny_base(folder: Path, architecture: str, descriptions: Sequence[str]) -> Path:
    """Save an untrained model and a tokenizer fit for the descriptions; return the folder."""
    texts = [render_prompt(descriptions), *(render_completion(text) for text in descriptions)]
    tokenizer = train_tokenizer(texts * 3, descriptions, vocabulary=400)
    return save_tiny_model(folder, architecture, tokenizer)


def save_tiny_model(folder: Path, architecture: str, tokenizer: Any) -> Path:
    """Save an untrained model for this tokenizer, with it; return the folder."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(_config(architecture, tokenizer))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _config(architecture: str, tokenizer: Any) -> Any:
    if architecture == "gpt2":
        return GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=256,
            n_embd=HIDDEN,
            n_layer=LAYERS,
            n_head=HEADS,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            initializer_range=0.1,
        )
    kinds = {"llama": LlamaConfig, "qwen3": Qwen3Config, "gemma3": Gemma3TextConfig}
    return kinds[architecture](
        vocab_size=len(tokenizer),
        hidden_size=HIDDEN,
        intermediate_size=2 * HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        head_dim=HIDDEN // HEADS,
        tie_word_embeddings=True,
        initializer_range=0.1,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
