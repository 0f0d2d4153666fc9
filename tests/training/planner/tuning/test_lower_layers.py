"""Layers below an adapter are read once for a row, and a pass that is given them is the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from expectations.contracts.errors import UserError
from expectations.contracts.values import ClusterContext, all_contexts
from tests.worlds.planner import PlantedSignal, planned_rule_world
from tests.worlds.tiny_models import ARCHITECTURES, save_tiny_base
from training.planner.base.adapter_io import add_adapter, save_adapter
from training.planner.base.layers import layers_of
from training.planner.base.model_io import Planner, load_base, load_planner
from training.planner.config import HardwareConfig, LoraSettings, PlannerConfig
from training.planner.data.planner_data import PlannerData
from training.planner.data.transitions import read_transitions
from training.planner.tuning.batch import Batch, add_gradients, draw_batch
from training.planner.tuning.finetune import encode_descriptions, fine_tune, refit
from training.planner.tuning.lower_layers import LowerLayers
from training.planner.tuning.scored_batch import score_batch
from training.processes import ProcessGroup

WORLD = planned_rule_world(n_clusters=5, copies=1)
N = len(WORLD.descriptions)
UPPER = LoraSettings(layers=1)
EXACT = HardwareConfig(precision="float32")
CONFIG = PlannerConfig(batch_size=7, lora=UPPER, max_steps=4, evaluate_every=2, hardware=EXACT)
ALONE = ProcessGroup(0, 1, torch.device("cpu"))


def data_of(config: PlannerConfig) -> PlannerData:
    return PlannerData.of(read_transitions(WORLD.transitions, "train"), N, config, PlantedSignal(N))


def batch_of(seed: int, config: PlannerConfig = CONFIG) -> Batch:
    return draw_batch(data_of(config), N, config, np.random.default_rng(seed))


class Tuning:
    """A planner with a fresh adapter on its upper layer, and how often the lower one has run."""

    def __init__(self, base: Path) -> None:
        model, tokenizer = load_base(base)
        self.model = add_adapter(model, UPPER, seed=0).train()
        self.planner = Planner(self.model, tokenizer)
        self.tokens = encode_descriptions(self.planner, WORLD.descriptions)
        self.runs = 0
        with torch.no_grad():  # LoRA's second half starts at zero, the first gets no gradient
            for name, weight in self.model.named_parameters():
                if "lora_B" in name:
                    weight.fill_(0.02)
        for module in self.model.modules():
            if isinstance(module, torch.nn.Dropout):  # GPT-2's own draws anew in every pass
                module.p = 0.0
        layers_of(self.model)[0].get_submodule("mlp").register_forward_pre_hook(self._count)

    def _count(self, *_: object) -> None:
        self.runs += 1

    def gradients(self, batch: Batch, lower: LowerLayers | None) -> tuple[float, list[Tensor]]:
        weights: list[Any] = [weight for weight in self.model.parameters() if weight.requires_grad]
        for weight in weights:
            weight.grad = None
        data = data_of(CONFIG)
        loss = add_gradients(self.planner, self.tokens, batch, data, CONFIG, weights, ALONE, lower)
        return loss, [weight.grad for weight in weights]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_losses_and_gradients_are_those_of_whole_passes_and_rows_are_read_once(
    architecture: str, tmp_path: Path
) -> None:
    tuning = Tuning(save_tiny_base(tmp_path, architecture, WORLD.descriptions))
    lower = LowerLayers.of(tuning.model, CONFIG)
    assert lower is not None
    for seed in (0, 1, 0):  # other rows beside known ones, then known ones alone
        batch = batch_of(seed)
        loss, gradients = tuning.gradients(batch, None)
        assert all(gradient.abs().sum() > 0 for gradient in gradients)
        before = tuning.runs
        found, others = tuning.gradients(batch, lower)
        reads = tuning.runs - before
        assert found == pytest.approx(loss, rel=1e-5)
        for ours, theirs in zip(others, gradients, strict=True):
            torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
    assert reads == 0


def test_without_room_nothing_is_kept(tmp_path: Path) -> None:
    tuning = Tuning(save_tiny_base(tmp_path, "llama", WORLD.descriptions))
    hardware = HardwareConfig(precision="float32", cache_megabytes=0)
    lower = LowerLayers.of(tuning.model, CONFIG.model_copy(update={"hardware": hardware}))
    loss, _ = tuning.gradients(batch_of(0), None)
    before = tuning.runs
    for _ in range(2):
        found, _ = tuning.gradients(batch_of(0), lower)
        assert found == pytest.approx(loss, rel=1e-5)
    assert tuning.runs - before == 2


def test_the_adapter_is_on_the_upper_layers_alone(tmp_path: Path) -> None:
    base = save_tiny_base(tmp_path, "gpt2", WORLD.descriptions)
    names = {name for name, weight in Tuning(base).model.named_parameters() if weight.requires_grad}
    assert len(names) == 8  # two matrices each of GPT-2's four linear ones in a layer
    assert all(".h.1." in name for name in names)
    whole = LoraSettings(layers=2)
    model = add_adapter(load_base(base)[0], whole, seed=0)
    assert LowerLayers.of(model, CONFIG.model_copy(update={"lora": whole})) is None
    assert LowerLayers.of(model, CONFIG.model_copy(update={"lora": LoraSettings()})) is None


def test_more_layers_than_there_are_cannot_be_tuned(tmp_path: Path) -> None:
    model = load_base(save_tiny_base(tmp_path, "llama", WORLD.descriptions))[0]
    with pytest.raises(UserError, match=r"planner\.lora\.layers.*which has 2.*found: 3"):
        add_adapter(model, LoraSettings(layers=3), seed=0)


def test_a_model_whose_upper_layers_look_past_the_states_is_refused(tmp_path: Path) -> None:
    model = load_base(save_tiny_base(tmp_path, "llama", WORLD.descriptions))[0]
    first, second = layers_of(model)
    seen: list[Tensor] = []
    model.register_forward_pre_hook(lambda *_: seen.clear())
    first.get_submodule("mlp").register_forward_hook(lambda _, __, output: seen.append(output))

    def look_past(_: object, __: object, output: Tensor) -> Tensor:
        return output + seen[0] if seen else output

    second.get_submodule("mlp").register_forward_hook(look_past)
    adapted = add_adapter(model, UPPER, seed=0)
    with pytest.raises(UserError, match=r"planner\.lora\.layers.*see their states alone.*llama"):
        LowerLayers.of(adapted, CONFIG)


def test_beside_the_signal_a_context_always_has_the_same_completion() -> None:
    config = CONFIG.model_copy(update={"batch_size": 200})
    drawn: dict[ClusterContext, set[int]] = {}
    for seed in range(2):
        batch = batch_of(seed, config)
        for context, target in zip(batch.contexts, batch.targets.tolist(), strict=True):
            drawn.setdefault(context, set()).add(target)
    assert len(drawn) == N + N * (N - 1) // 2
    assert all(len(targets) == 1 for targets in drawn.values())
    assert all(not targets & set(context.members) for context, targets in drawn.items())
    assert len(set.union(*drawn.values())) >= N - 1


def test_the_merged_planner_scores_as_the_tuned_one_with_what_was_kept(tmp_path: Path) -> None:
    base = save_tiny_base(tmp_path, "llama", WORLD.descriptions)
    train, heard = (read_transitions(WORLD.transitions, split) for split in ("train", "validation"))
    read = load_base(base)
    tuned = fine_tune(read, WORLD.descriptions, train, heard, CONFIG, 0, PlantedSignal(N))
    everything = train.join(heard)
    refit(tuned, read.tokenizer, WORLD.descriptions, everything, CONFIG, 0, PlantedSignal(N))
    save_adapter(tuned.model, tuned.prompt, base, tmp_path / "adapter")
    merged = load_planner(base, tmp_path / "adapter")
    tokens = encode_descriptions(merged, WORLD.descriptions)
    contexts = list(all_contexts(N))
    prompts = [tokens.prompt_of(merged, context) for context in contexts]
    ends = [[merged.end_token_id]] * len(prompts)
    with torch.no_grad():
        plain, given = (
            score_batch(model, prompts, ends, tokens.tree, merged.pad_token_id, lower)
            for model, lower in ((merged.model, None), (tuned.model, tuned.lower))
        )
    assert plain.cluster_scores is not None
    assert given.cluster_scores is not None
    torch.testing.assert_close(plain.cluster_scores, given.cluster_scores, atol=1e-4, rtol=1e-4)
