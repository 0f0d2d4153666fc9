"""A batch's loss and gradients are the same however the batch is cut and the layers are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.worlds.planner import PlantedSignal, planned_rule_world
from tests.worlds.tiny_models import ARCHITECTURES, save_tiny_base
from training.clusters.distance import Ancestors
from training.planner.base.adapter_io import add_adapter
from training.planner.base.hardware import prepare_for_tuning
from training.planner.base.model_io import Planner, load_base
from training.planner.config import HardwareConfig, PlannerConfig
from training.planner.data.planner_data import PlannerData
from training.planner.data.transitions import read_transitions
from training.planner.tuning.batch import NO_CHOICE, add_gradients, combined_loss, draw_batch
from training.planner.tuning.finetune import encode_descriptions
from training.planner.tuning.scored_batch import score_batch
from training.processes import ProcessGroup

WORLD = planned_rule_world(n_clusters=5, copies=1)
EXACT = HardwareConfig(precision="float32")
WHOLE = PlannerConfig(batch_size=7, listwise_weight=1.0, listwise_choices=3, hardware=EXACT)
N = len(WORLD.descriptions)


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
    transitions = read_transitions(WORLD.transitions, "train")
    data = PlannerData.of(transitions, len(WORLD.descriptions), config, PlantedSignal(N))
    batch = draw_batch(data, len(WORLD.descriptions), config, np.random.default_rng(0))
    weights: list[Any] = [weight for weight in model.parameters() if weight.requires_grad]
    loss = add_gradients(
        planner,
        encode_descriptions(planner, WORLD.descriptions),
        batch,
        data,
        config,
        weights,
        ProcessGroup(0, 1, torch.device("cpu")),
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
        HardwareConfig(precision="float32", micro_batch=3),
        HardwareConfig(precision="float32", gradient_checkpointing=True),
        HardwareConfig(precision="float32", micro_batch=2, gradient_checkpointing=True),
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


def test_half_of_the_prompts_are_the_tables_and_expect_what_the_signal_says() -> None:
    transitions = read_transitions(WORLD.transitions, "train")
    config = WHOLE.model_copy(update={"batch_size": 400, "target_balance": 0.5})
    data = PlannerData.of(transitions, N, config, PlantedSignal(N))
    batch = draw_batch(data, N, config, np.random.default_rng(0))
    assert (batch.choices[:200] != NO_CHOICE).all()
    assert (batch.choices[200:] == NO_CHOICE).all()
    assert len(set(batch.contexts[200:])) == N + N * (N - 1) // 2  # every row of the table
    assert data.collective is not None
    np.testing.assert_allclose(batch.expected, data.collective.expect(batch.contexts), rtol=1e-6)
    for context, target in zip(batch.contexts, batch.targets, strict=True):
        assert target not in context.members


def test_distances_are_measured_where_the_loss_asks_and_need_families() -> None:
    transitions = read_transitions(WORLD.transitions, "train")
    config = WHOLE.model_copy(update={"distance_balance": 0.5})
    ancestors = Ancestors(families=np.arange(N) // 2, fields=np.zeros(N, dtype=np.int64))
    data = PlannerData.of(transitions, N, config, PlantedSignal(N), ancestors)
    batch = draw_batch(data, N, config, np.random.default_rng(0))
    members = [context.members for context in batch.contexts]
    np.testing.assert_array_equal(batch.distances, ancestors.distances_of(members))
    assert draw_batch(data, N, WHOLE, np.random.default_rng(0)).distances.shape[1] == 0
    unknown = PlannerData.of(transitions, N, config, PlantedSignal(N))
    with pytest.raises(ValueError, match="distance_balance"):
        draw_batch(unknown, N, config, np.random.default_rng(0))


@pytest.mark.parametrize(
    "without", [{"collective_weight": 0.0}, {"collective_weight": 0.0, "listwise_weight": 0.0}]
)
def test_without_the_signal_every_prompt_is_a_persons(without: dict[str, float]) -> None:
    transitions = read_transitions(WORLD.transitions, "train")
    config = WHOLE.model_copy(update=without)
    data = PlannerData.of(transitions, N, config, PlantedSignal(N))
    batch = draw_batch(data, N, config, np.random.default_rng(0))
    assert batch.expected.shape == (7, 0)
    assert batch.needs_scores == bool(config.listwise_weight)
    assert len(batch) == 7


def test_the_loss_falls_by_what_the_signal_and_the_choices_weigh(tmp_path: Path) -> None:
    """Losses are means over all prompts: people's choices count for their share of them."""
    base = save_tiny_base(tmp_path, "llama", WORLD.descriptions)
    planner = Planner(*load_base(base))
    tokens = encode_descriptions(planner, WORLD.descriptions)
    transitions = read_transitions(WORLD.transitions, "train")
    data = PlannerData.of(transitions, N, WHOLE, PlantedSignal(N))
    batch = draw_batch(data, N, WHOLE, np.random.default_rng(0))
    losses = {}
    for listwise, collective in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.5, 2.0)):
        weights = {"listwise_weight": listwise, "collective_weight": collective}
        config = WHOLE.model_copy(update=weights)
        with torch.no_grad():
            loss = combined_loss(planner, tokens, batch, data.target_weights, config)
        losses[listwise, collective] = float(loss)
    alone = losses[0.0, 0.0]
    assert losses[1.0, 0.0] > alone
    assert losses[0.0, 1.0] > alone
    both = alone + 0.5 * (losses[1.0, 0.0] - alone) + 2 * (losses[0.0, 1.0] - alone)
    assert losses[0.5, 2.0] == pytest.approx(both, rel=1e-5)


def test_what_is_left_for_all_novel_descriptions_weighs_what_it_is_told_to(
    tmp_path: Path,
) -> None:
    base = save_tiny_base(tmp_path, "llama", WORLD.descriptions)
    planner = Planner(*load_base(base))
    tokens = encode_descriptions(planner, WORLD.descriptions)
    data = PlannerData.of(read_transitions(WORLD.transitions, "train"), N, WHOLE, PlantedSignal(N))
    batch = draw_batch(data, N, WHOLE, np.random.default_rng(0))
    prompts = [tokens.prompt_of(planner, context) for context in batch.contexts]
    ends = [[planner.end_token_id]] * len(prompts)
    losses = []
    with torch.no_grad():
        for weight in (0.0, 0.5):
            config = WHOLE.model_copy(update={"novel_description_weight": weight})
            losses.append(combined_loss(planner, tokens, batch, data.target_weights, config).item())
        scores = score_batch(
            planner.model, prompts, ends, tokens.tree, planner.pad_token_id
        ).cluster_scores
    assert scores is not None
    novel = [[c for c in range(N) if c not in context.members] for context in batch.contexts]
    shares = [row[own].exp().sum() for row, own in zip(scores, novel, strict=True)]
    left = torch.stack(shares)  # of all that is to be written
    assert (left < 0.5).all()
    assert losses[1] - losses[0] == pytest.approx(-0.5 * left.log().mean().item(), rel=1e-4)


def test_what_may_follow_is_what_any_description_has_there(tmp_path: Path) -> None:
    base = save_tiny_base(tmp_path, "llama", WORLD.descriptions)
    tokens = encode_descriptions(Planner(*load_base(base)), WORLD.descriptions)
    for own, following in zip(tokens.completions, tokens.following, strict=True):
        for place, allowed in enumerate(following):
            there = {other[place] for other in tokens.completions if other[:place] == own[:place]}
            assert set(allowed) == there
            assert own[place] in there


def test_with_the_signal_the_drawn_choice_is_not_learned(tmp_path: Path) -> None:
    """At the first token, any that begins a description counts the same."""
    base = save_tiny_base(tmp_path, "llama", WORLD.descriptions)
    planner = Planner(*load_base(base))
    tokens = encode_descriptions(planner, WORLD.descriptions)
    first_only = replace(
        tokens,
        completions=tuple(row[:1] for row in tokens.completions),
        following=tuple(row[:1] for row in tokens.following),
    )
    data = PlannerData.of(read_transitions(WORLD.transitions, "train"), N, WHOLE, PlantedSignal(N))
    batch = draw_batch(data, N, WHOLE, np.random.default_rng(0))
    config = WHOLE.model_copy(update={"listwise_weight": 0.0})
    losses = []
    for shift in range(N):
        other = replace(batch, targets=(batch.targets + shift) % N)
        with torch.no_grad():
            loss = combined_loss(planner, first_only, other, data.target_weights, config)
        losses.append(loss.item())
    assert losses == pytest.approx([losses[0]] * N, rel=1e-5)
