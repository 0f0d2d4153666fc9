"""Types of number, four bits and devices: what is asked for is what is held, or one clear error."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from expectations.contracts.errors import UserError
from tests.worlds.planner import planned_rule_world
from tests.worlds.tiny_models import save_tiny_base
from training.planner.base.adapter_io import save_adapter
from training.planner.base.hardware import dtype_of
from training.planner.base.model_io import load_base, load_planner
from training.planner.config import HardwareConfig, PlannerConfig
from training.planner.data.transitions import read_transitions
from training.planner.tuning.finetune import FineTuned, fine_tune

WORLD = planned_rule_world(n_clusters=4, copies=1)


def tune(base: Path, hardware: HardwareConfig) -> FineTuned:
    config = PlannerConfig(
        hardware=hardware, max_steps=6, evaluate_every=3, batch_size=6, listwise_choices=2
    )
    splits = (read_transitions(WORLD.transitions, split) for split in ("train", "validation"))
    return fine_tune(load_base(base, hardware), WORLD.descriptions, *splits, config, seed=0)


def test_auto_is_bfloat16_on_a_gpu_and_float32_elsewhere() -> None:
    for name, on_cpu, on_gpu in (
        ("auto", torch.float32, torch.bfloat16),
        ("float32", torch.float32, torch.float32),
        ("bfloat16", torch.bfloat16, torch.bfloat16),
    ):
        hardware = HardwareConfig(dtype=name)
        assert dtype_of(hardware, torch.device("cpu")) == on_cpu
        assert dtype_of(hardware, torch.device("cuda")) == on_gpu


@pytest.mark.parametrize("architecture", ["llama", "gemma3"])
def test_a_base_in_bfloat16_is_tuned_and_merged_in_float32(
    architecture: str, tmp_path: Path
) -> None:
    base = save_tiny_base(tmp_path / "base", architecture, WORLD.descriptions)
    tuned = tune(base, HardwareConfig(device="cpu", dtype="bfloat16"))
    held = {name: weight.dtype for name, weight in tuned.model.named_parameters()}
    adapted = {dtype for name, dtype in held.items() if "lora_" in name}
    frozen = {dtype for name, dtype in held.items() if "lora_" not in name}
    assert (adapted, frozen) == ({torch.float32}, {torch.bfloat16})
    assert tuned.curve[-1].train_loss < tuned.curve[0].train_loss
    save_adapter(tuned.model, tuned.prompt, base, tmp_path / "adapter")
    planner = load_planner(base, tmp_path / "adapter")
    assert {weight.dtype for weight in planner.model.parameters()} == {torch.float32}


def test_four_bits_without_the_package_are_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = save_tiny_base(tmp_path, "llama", WORLD.descriptions)
    monkeypatch.setattr("training.planner.base.hardware.is_bitsandbytes_available", lambda: False)
    with pytest.raises(UserError, match=r"needs the package bitsandbytes.*\[quantization\]"):
        load_base(base, HardwareConfig(quantization="4bit"))


def test_a_base_in_four_bits_is_tuned_and_merged_into_the_whole_one(tmp_path: Path) -> None:
    bitsandbytes = pytest.importorskip("bitsandbytes")
    base = save_tiny_base(tmp_path / "base", "llama", WORLD.descriptions)
    tuned = tune(base, HardwareConfig(device="cpu", quantization="4bit"))
    layer = tuned.model.get_base_model().model.layers[0].mlp.up_proj.base_layer
    assert isinstance(layer, bitsandbytes.nn.Linear4bit)
    assert layer.weight.dtype == torch.uint8
    assert tuned.curve[-1].train_loss < tuned.curve[0].train_loss
    save_adapter(tuned.model, tuned.prompt, base, tmp_path / "adapter")
    planner = load_planner(base, tmp_path / "adapter")
    assert {weight.dtype for weight in planner.model.parameters()} == {torch.float32}


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    base = save_tiny_base(tmp_path, "llama", WORLD.descriptions)
    with pytest.raises(UserError, match=r"planner\.hardware\.device: a GPU can be reached"):
        load_base(base, HardwareConfig(device="cuda"))
