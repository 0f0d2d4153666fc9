"""An untrained model has its base's shapes and tokens, and none of its weights."""

from __future__ import annotations

from pathlib import Path

import torch

from benchmarks.planner.untrained import make_untrained
from tests.worlds.tiny_models import save_tiny_base
from training.planner.base.model_io import load_base


def test_shapes_and_tokens_stay_and_weights_are_drawn_by_the_seed(tmp_path: Path) -> None:
    base = save_tiny_base(tmp_path / "base", "llama", ("jazz", "slow cooking"))
    found = {}
    for name, seed in (("first", 1), ("again", 1), ("other", 2)):
        make_untrained(base, tmp_path / name, seed)
        found[name] = load_base(tmp_path / name)
    model, tokenizer = load_base(base)
    assert found["first"].tokenizer.get_vocab() == tokenizer.get_vocab()
    before, first, again, other = (
        {name: weight for name, weight in each.named_parameters()}
        for each in (model, *(found[name].model for name in ("first", "again", "other")))
    )
    assert {name: weight.shape for name, weight in first.items()} == {
        name: weight.shape for name, weight in before.items()
    }
    name = "model.layers.0.mlp.up_proj.weight"
    assert torch.equal(first[name], again[name])
    assert not torch.equal(first[name], other[name])
    assert not torch.equal(first[name], before[name])
