"""Fine-tunes the base model into the planner: a LoRA adapter, the best one, and the refit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from training.clusters.distance import Ancestors
from training.planner.base.adapter_io import add_adapter
from training.planner.base.hardware import prepare_for_tuning
from training.planner.base.language_model import BaseModel
from training.planner.base.model_io import Planner
from training.planner.base.prompt_record import PromptRecord
from training.planner.config import PlannerConfig
from training.planner.data.planner_data import Collective, PlannerData
from training.planner.data.transitions import Transitions
from training.planner.schedule import make_adapter_optimizer, take_step
from training.planner.tuning.base_limits import check_base
from training.planner.tuning.batch import add_gradients, draw_batch
from training.planner.tuning.budget import settle_steps
from training.planner.tuning.completion_tree import build_completion_tree, continuations
from training.planner.tuning.curve import BestAdapter, CurvePoint
from training.planner.tuning.lower_layers import LowerLayers
from training.planner.tuning.validation import PlannerTokens, ValidationReport, Validator
from training.processes import ProcessGroup, join_process_group

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True)
class FineTuned:
    """The model with its best adapter, and how it came about.

    ``lower`` are its layers without an adapter, if there are any.
    """

    model: PeftModel
    prompt: PromptRecord
    curve: tuple[CurvePoint, ...]
    best_step: int
    max_steps: int
    lower: LowerLayers | None = None

    def to_metrics(self) -> dict[str, float]:
        """Return what the training came to, as named figures."""
        return {
            "max_steps": self.max_steps,
            "steps_made": self.curve[-1].step,
            "best_step": self.best_step,
        }


def fine_tune(
    base: BaseModel,
    descriptions: tuple[str, ...],
    train: Transitions,
    validation: Transitions,
    config: PlannerConfig,
    seed: int,
    collective: Collective | None = None,
    ancestors: Ancestors | None = None,
    report: Callable[[CurvePoint], None] = lambda point: None,
) -> FineTuned:
    """Return the base model with a trained adapter.

    Keeps the weights of one evaluation: of those whose match rate reaches ``aimed_match_rate`` and
    whose coverage ``aimed_coverage`` (while none does, of the highest match rate, then coverage)
    the latest whose validation recall is within one standard error of the best. Figures of
    evaluations differ by chance, and later ones have learned more. Stops after ``patience``
    evaluations that are not kept.

    Args:
        base: of :func:`training.planner.base.model_io.load_base`.
        descriptions: by cluster id.
        train: transitions to learn from.
        validation: transitions to stop by.
        config: all settings.
        seed: of weights, batches and dropout.
        collective: what everybody's choices let expect, from before the validation period.
        ancestors: of the clusters; needed where ``distance_balance`` is not 0.
        report: is told each point of the curve as it comes.

    Raises:
        UserError: the base model cannot take the prompts in, reads them in its own order, or has
            not the layers that the adapter is to be put on.
    """
    rng = np.random.default_rng(seed)
    group = join_process_group(config.hardware.device, "planner.hardware.device")
    ready = prepare_for_tuning(base.model, config.hardware)
    plain = Planner(ready, base.tokenizer, config.prompt)
    tokens = encode_descriptions(plain, descriptions)
    check_base(plain, tokens)
    model = add_adapter(plain.model, config.lora, seed)
    planner = Planner(model, base.tokenizer, config.prompt)
    data = PlannerData.of(train, len(descriptions), config, collective, ancestors)
    # products may be narrower in training than in its evaluations: what is kept is not the same
    lower, exact_lower = (LowerLayers.of(model, config) for _ in range(2))
    validator = Validator(tokens, validation, config, np.random.default_rng([seed, 1]), exact_lower)
    with torch.no_grad():
        group.broadcast(trained_weights(model))
    config = _within_budget(config, planner, tokens, data, validator, group, seed, lower)
    best = BestAdapter(model, config, len(validator))
    losses: list[float] = []
    for step, loss in _train(planner, tokens, data, config, group, rng, seed, lower):
        losses.append(loss)
        if step % config.evaluate_every == 0 or step == config.max_steps:
            point = _point(step, losses, _broadcast(validator.evaluate(planner), group))
            report(point)
            losses.clear()
            if best.should_stop_after(point):
                break
    best.restore()
    return FineTuned(
        model.eval(),
        plain.describe_prompts(),
        tuple(best.curve),
        best.best_step,
        config.max_steps,
        lower,
    )


def refit(
    tuned: FineTuned,
    tokenizer: PreTrainedTokenizerBase,
    descriptions: tuple[str, ...],
    everything: Transitions,
    config: PlannerConfig,
    seed: int,
    collective: Collective | None = None,
    ancestors: Ancestors | None = None,
) -> None:
    """Train the tuned adapter on, with what the validation period adds; nothing is held out.

    Args:
        tuned: of :func:`fine_tune`; its model's adapter is changed.
        tokenizer: of the base model.
        descriptions: by cluster id.
        everything: the transitions of training and validation.
        config: all settings.
        seed: of batches and dropout.
        collective: what everybody's choices let expect, from before the first test origin.
        ancestors: of the clusters, as before.
    """
    n_steps = max(1, round(config.refit_share * tuned.best_step))
    rate = config.refit_lr_ratio * config.learning_rate
    shorter = config.model_copy(update={"max_steps": n_steps, "learning_rate": rate})
    group = join_process_group(config.hardware.device, "planner.hardware.device")
    planner = Planner(tuned.model, tokenizer, config.prompt)
    tokens = encode_descriptions(planner, descriptions)
    data = PlannerData.of(everything, len(descriptions), config, collective, ancestors)
    rng = np.random.default_rng([seed, 2])
    for _ in _train(planner, tokens, data, shorter, group, rng, seed, tuned.lower):
        pass
    tuned.model.eval()


def _train(
    planner: Planner,
    tokens: PlannerTokens,
    data: PlannerData,
    config: PlannerConfig,
    group: ProcessGroup,
    rng: np.random.Generator,
    seed: int,
    lower: LowerLayers | None,
) -> Iterator[tuple[int, float]]:
    """Take ``config.max_steps`` steps, giving each one's number and loss."""
    weights = trained_weights(planner.model)
    optimizer, scheduler = make_adapter_optimizer(planner.model, config)
    own_gpu = [group.device] if group.device.type == "cuda" else []
    with torch.random.fork_rng(own_gpu):  # a base model's dropout draws from the global generator
        torch.manual_seed(seed + group.rank)
        for step in _steps(config, group):
            planner.model.train()
            batch = draw_batch(data, len(tokens.descriptions), config, rng)
            loss = add_gradients(planner, tokens, batch, data, config, weights, group, lower)
            take_step(weights, optimizer, scheduler)
            yield step, loss


def _within_budget(
    config: PlannerConfig,
    planner: Planner,
    tokens: PlannerTokens,
    data: PlannerData,
    validator: Validator,
    group: ProcessGroup,
    seed: int,
    lower: LowerLayers | None,
) -> PlannerConfig:
    """Return the settings with the steps that a budget allows; what is measured leaves no trace."""
    weights = trained_weights(planner.model)
    rng = np.random.default_rng([seed, 3])

    def take_step() -> None:
        planner.model.train()
        batch = draw_batch(data, len(tokens.descriptions), config, rng)
        add_gradients(planner, tokens, batch, data, config, weights, group, lower)
        for weight in weights:
            weight.grad = None

    own_gpu = [group.device] if group.device.type == "cuda" else []
    with torch.random.fork_rng(own_gpu):
        return settle_steps(config, take_step, lambda: validator.evaluate(planner), group)


def trained_weights(model: PeftModel) -> list[Tensor]:
    """Return the weights of the adapter."""
    return [weight for weight in model.parameters() if weight.requires_grad]


def _steps(config: PlannerConfig, group: ProcessGroup) -> Iterable[int]:
    off = None if group.is_main else True  # None: wherever there is no terminal
    steps = range(1, config.max_steps + 1)
    return tqdm(steps, desc="planner", unit="step", disable=off)  # type: ignore[no-any-return]


def _broadcast(report: ValidationReport, group: ProcessGroup) -> ValidationReport:
    """Return the first process's figures, so that all of them stop at the same step."""
    figures = torch.tensor(astuple(report), dtype=torch.float64, device=group.device)
    group.broadcast([figures])
    return ValidationReport(*figures.tolist())


def encode_descriptions(planner: Planner, descriptions: tuple[str, ...]) -> PlannerTokens:
    """Return the descriptions as completions and as the tree of their branches."""
    completions = tuple(tuple(planner.encode_completion(text)) for text in descriptions)
    following_of = continuations(completions)
    following = tuple(
        tuple(tuple(following_of[tokens[:length]]) for length in range(len(tokens)))
        for tokens in completions
    )
    return PlannerTokens(descriptions, completions, following, build_completion_tree(completions))


def _point(step: int, losses: list[float], figures: ValidationReport) -> CurvePoint:
    return CurvePoint(
        step=step,
        train_loss=sum(losses) / len(losses),
        validation_loss=figures.loss,
        validation_recall_at_10=figures.recall_at_10,
        match_rate=figures.match_rate,
        validation_coverage_at_5=figures.coverage_at_5,
    )
