"""A base model that cannot do what is asked of it is refused before anything is trained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from expectations.contracts.errors import UserError
from tests.worlds.tiny_models import ARCHITECTURES, save_tiny_base
from training.planner.base.model_io import Planner, load_base
from training.planner.config import HardwareConfig
from training.planner.tuning.base_limits import check_base
from training.planner.tuning.finetune import encode_descriptions

DESCRIPTIONS = ("jazz", "jazz guitar", "slow cooking", "tea tasting")
LIMITS = (
    ("gpt2", "n_positions"),
    ("llama", "max_position_embeddings"),
    ("gemma3", "sliding_window"),
)


def longest_of(planner: Planner) -> int:
    """Tokens of the longest prompt and answer, found by trying them all."""
    prompts = [[a, b] for a in DESCRIPTIONS for b in DESCRIPTIONS if a != b]
    answers = [planner.encode_completion(text) for text in DESCRIPTIONS]
    return max(map(len, planner.encode_prompts(prompts))) + max(map(len, answers))


@pytest.mark.parametrize(("architecture", "limit"), LIMITS)
def test_what_fits_exactly_passes_and_one_token_less_does_not(
    architecture: str, limit: str, tmp_path: Path
) -> None:
    model, tokenizer = load_base(save_tiny_base(tmp_path, architecture, DESCRIPTIONS))
    planner = Planner(model, tokenizer)
    tokens = encode_descriptions(planner, DESCRIPTIONS)
    needed = longest_of(planner)
    setattr(model.config, limit, needed)
    check_base(planner, tokens)
    setattr(model.config, limit, needed - 1)
    with pytest.raises(UserError, match=rf"reads {needed} tokens.*found: {needed - 1} tokens"):
        check_base(planner, tokens)


def test_a_window_that_no_layer_uses_is_no_limit(tmp_path: Path) -> None:
    folder = save_tiny_base(tmp_path, "qwen3", DESCRIPTIONS)
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"sliding_window": 4}))
    planner = Planner(*load_base(folder))
    check_base(planner, encode_descriptions(planner, DESCRIPTIONS))


SIZES: dict[str, object] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "initializer_range": 0.3,
}
EXPERTS = {"num_experts": 2, "num_experts_per_tok": 1, "moe_intermediate_size": 32}
FIT: dict[str, dict[str, object]] = {
    **{name: {} for name in ("cohere2", "gemma2", "gpt_neox", "granite", "mistral", "olmo2")},
    **{name: {} for name in ("phi", "phi3", "qwen2", "smollm3", "stablelm", "starcoder2")},
    "opt": {"ffn_dim": 64, "word_embed_proj_dim": 32},
    "qwen3_moe": EXPERTS,
}
UNFIT: dict[str, dict[str, object]] = {
    "lfm2": {"layer_types": ["conv", "full_attention"]},
    "mamba": {"state_size": 8},
    "bloom": {"n_layer": 1, "n_head": 2},
}


def check_untrained(architecture: str, sizes: dict[str, object], folder: Path) -> None:
    """Check a small untrained model of an architecture."""
    _, tokenizer = load_base(save_tiny_base(folder, "llama", DESCRIPTIONS))
    special = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id}
    config = AutoConfig.for_model(
        architecture, vocab_size=len(tokenizer), **special, **SIZES, **sizes
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        planner = Planner(AutoModelForCausalLM.from_config(config), tokenizer)
    check_base(planner, encode_descriptions(planner, DESCRIPTIONS))


@pytest.mark.parametrize("architecture", FIT)
def test_transformers_of_many_families_pass(architecture: str, tmp_path: Path) -> None:
    check_untrained(architecture, FIT[architecture], tmp_path)


@pytest.mark.parametrize("architecture", UNFIT)
def test_a_model_that_does_not_read_as_the_mask_says_is_refused(
    architecture: str, tmp_path: Path
) -> None:
    """Convolutions and recurrences see what stands before; BLOOM counts distances by itself."""
    with pytest.raises(UserError, match=f"by a mask and by positions.*{architecture}"):
        check_untrained(architecture, UNFIT[architecture], tmp_path)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_rounding_to_bfloat16_is_no_reason_to_refuse(architecture: str, tmp_path: Path) -> None:
    base = save_tiny_base(tmp_path, architecture, DESCRIPTIONS)
    planner = Planner(*load_base(base, HardwareConfig(device="cpu", dtype="bfloat16")))
    check_base(planner, encode_descriptions(planner, DESCRIPTIONS))
