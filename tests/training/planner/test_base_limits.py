"""A base model that cannot take in the longest prompt is refused before anything is trained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from expectations.contracts.errors import UserError
from tests.worlds.tiny_models import save_tiny_base
from training.planner.base_limits import check_room
from training.planner.finetune import encode_descriptions
from training.planner.model_io import Planner, load_base

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
    check_room(planner, tokens)
    setattr(model.config, limit, needed - 1)
    with pytest.raises(UserError, match=rf"reads {needed} tokens.*found: {needed - 1} tokens"):
        check_room(planner, tokens)


def test_a_window_that_no_layer_uses_is_no_limit(tmp_path: Path) -> None:
    folder = save_tiny_base(tmp_path, "qwen3", DESCRIPTIONS)
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"sliding_window": 4}))
    planner = Planner(*load_base(folder))
    check_room(planner, encode_descriptions(planner, DESCRIPTIONS))
