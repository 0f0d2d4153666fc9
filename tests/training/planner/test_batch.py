"""A batch's loss and gradients are the same however the batch is cut and the layers are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.worlds.planner import planned_rule_world
from tests.worlds.tiny_models import ARCHITECTURES, save_tiny_base
from training.planner.adapter_io import add_adapter
from training.planner.batch import Course, add_gradients, draw_batch
from training.planner.companions import Companions
from training.planner.config import HardwareConfig, PlannerConfig
from training.planner.examples import read_examples, weigh_targets
from training.planner.finetune import encode_descriptions
from training.planner.hardware import prepare_for_tuning
from training.planner.model_io import Planner, load_base
from training.processes import Team

WORLD = planned_rule_world(n_clusters=5, copies=1)
WHOLE = PlannerConfig(batch_size=7, listwise_choices=3)


def gradients_of(base: Path, config: PlannerConfig) -> tuple[float, list[Tensor]]:
    """The loss of one batch and the gradients of a freshly adapted model."""
    model, tokenizer = load_base(base, config.hardware)
    model = add_adapter(prepare_for_tuning(model, config.hardware), config.lora, seed=0)
    with torch.no_grad():  # LoRA's second half starts at zero, the first would get no gradient
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.fill_(0.02)
    planner = Planner(model.train(), tokenizer)
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):  # GPT-2's own; it draws anew for every piece
            module.p = 0.0
    examples = read_examples(WORLD.transitions, "train")
    weights_of = weigh_targets(examples, len(WORLD.descriptions), config.target_balance)
    course = Course(examples, Companions(examples, config), torch.from_numpy(weights_of))
    batch = draw_batch(course, len(WORLD.descriptions), config, np.random.default_rng(0))
    weights: list[Any] = [weight for weight in model.parameters() if weight.requires_grad]
    loss = add_gradients(
        planner,
        encode_descriptions(planner, WORLD.descriptions),
        batch,
        course,
        config,
        weights,
        Team(0, 1, torch.device("cpu")),
    )
    return loss, [weight.grad for weight in weights]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_pieces_and_checkpoints_change_nothing_but_the_order_of_sums(
    architecture: str, tmp_path: Path
) -> None:
    base = save_tiny_base(tmp_path, architecture, WORLD.descriptions)
    loss, gradients = gradients_of(base, WHOLE)
    assert all(gradient.abs().sum() > 0 for gradient in gradients)
    for hardware in (
        HardwareConfig(micro_batch=3),
        HardwareConfig(gradient_checkpointing=True),
        HardwareConfig(micro_batch=2, gradient_checkpointing=True),
    ):
        found, others = gradients_of(base, WHOLE.model_copy(update={"hardware": hardware}))
        assert found == pytest.approx(loss, rel=1e-5)
        for ours, theirs in zip(others, gradients, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def test_checkpoints_are_kept_and_layers_computed_twice(tmp_path: Path) -> None:
    """The setting has its effect: each layer runs again on the way back."""
    base = save_tiny_base(tmp_path, "llama", WORLD.descriptions)
    runs = []
    for is_on in (False, True):
        hardware = HardwareConfig(gradient_checkpointing=is_on)
        model = prepare_for_tuning(load_base(base, hardware)[0], hardware)
        model = add_adapter(model, WHOLE.lora, seed=0).train()
        n_runs = 0

        def count(*_: object) -> None:
            nonlocal n_runs
            n_runs += 1

        model.get_base_model().model.layers[0].mlp.register_forward_pre_hook(count)
        model(torch.arange(5, 15)[None], use_cache=False).logits.sum().backward()
        runs.append(n_runs)
    assert runs == [1, 2]
