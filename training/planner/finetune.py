"""Fine-tunes the base model into the planner: LoRA, completion loss and list-wise loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from training.planner.adapter_io import add_adapter
from training.planner.companions import Companions
from training.planner.completion_tree import grow_tree
from training.planner.config import PlannerConfig
from training.planner.examples import Examples, sample_contexts, weigh_targets
from training.planner.losses import completion_loss, listwise_loss
from training.planner.model_io import Planner
from training.planner.schedule import descend, make_optimizer
from training.planner.scored_batch import score_batch
from training.planner.validation import PlannerTokens, ValidationReport, Validator


@dataclass(frozen=True)
class CurvePoint:
    """One row of the training curve; ``train_loss`` is the mean since the row before."""

    step: int
    train_loss: float
    validation_loss: float
    validation_recall_at_10: float
    match_rate: float


@dataclass(frozen=True)
class Course:
    """What is learned from: transitions, which of them share a prompt, and what each counts.

    ``target_weights`` are by novel cluster, float32 [N].
    """

    examples: Examples
    companions: Companions
    target_weights: Tensor


@dataclass(frozen=True)
class FineTuned:
    """The model with its best adapter, and how it came about."""

    model: Any
    curve: tuple[CurvePoint, ...]
    best_step: int


def fine_tune(
    base: tuple[Any, Any],
    descriptions: tuple[str, ...],
    train: Examples,
    validation: Examples,
    config: PlannerConfig,
    seed: int,
    report: Callable[[CurvePoint], None] = lambda point: None,
) -> FineTuned:
    """Return the base model with a trained adapter.

    Stops after ``patience`` looks without a better one and keeps the best look's weights: the
    highest validation recall (then the lowest loss) among those whose match rate reaches
    ``min_match_rate``, or, while none does, the highest match rate.

    Args:
        base: (model, tokenizer) of :func:`training.planner.model_io.load_base`.
        descriptions: by cluster id.
        train: transitions to learn from.
        validation: transitions to stop by.
        config: all settings.
        seed: of weights and batches.
        report: is told each point of the curve as it comes.
    """
    rng = np.random.default_rng(seed)
    model = add_adapter(base[0], config.lora, seed)
    planner = Planner(model, base[1])
    tokens = encode_descriptions(planner, descriptions)
    weights_of = weigh_targets(train, len(descriptions), config.target_balance)
    course = Course(train, Companions(train, config), torch.from_numpy(weights_of))
    validator = Validator(tokens, validation, config, np.random.default_rng([seed, 1]))
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer, schedule = make_optimizer(
        weights, config.learning_rate, config.weight_decay, config.max_steps, config.warmup_share
    )
    keeper = _BestAdapter(model, config)
    losses: list[float] = []
    for step in tqdm(range(1, config.max_steps + 1), desc="planner", unit="step", disable=None):
        loss = batch_loss(planner, tokens, course, config, rng)
        descend(loss, weights, optimizer, schedule)
        losses.append(loss.item())
        if step % config.evaluate_every == 0 or step == config.max_steps:
            point = _point(step, losses, validator.look(planner))
            model.train()
            report(point)
            losses.clear()
            if keeper.is_exhausted_after(point):
                break
    keeper.restore()
    return FineTuned(model.eval(), tuple(keeper.curve), keeper.best_step)


def encode_descriptions(planner: Planner, descriptions: tuple[str, ...]) -> PlannerTokens:
    """Return the descriptions as completions and as the tree of their branches."""
    completions = tuple(tuple(planner.encode_completion(text)) for text in descriptions)
    return PlannerTokens(descriptions, completions, grow_tree(completions))


def batch_loss(
    planner: Planner,
    tokens: PlannerTokens,
    course: Course,
    config: PlannerConfig,
    rng: np.random.Generator,
) -> Tensor:
    """Return the weighted sum of completion loss and list-wise loss over one random batch."""
    batch = course.examples.take(rng.integers(len(course.examples), size=config.batch_size))
    contexts = sample_contexts(batch, config, rng)
    scored = score_batch(
        planner.model,
        [tokens.prompt_of(planner, context) for context in contexts],
        [tokens.completions[target] for target in batch.targets],
        tokens.tree if config.listwise_weight else None,
        planner.pad_token_id,
    )
    loss = config.completion_weight * completion_loss(
        scored.token_log_probabilities, scored.token_mask
    )
    if scored.cluster_scores is None:
        return loss
    drawn = course.companions.draw(contexts, config.listwise_choices, rng)  # [B, W]
    others = course.examples.take(drawn.reshape(-1))
    targets = torch.from_numpy(others.targets.reshape(drawn.shape)).to(loss.device)  # [B, W]
    free = others.candidates(len(tokens.descriptions)).reshape(*drawn.shape, -1)  # [B, W, N]
    ranking = listwise_loss(
        scored.cluster_scores,
        targets,
        torch.from_numpy(free).to(loss.device),
        course.target_weights.to(loss.device),
    )
    return loss + config.listwise_weight * ranking


def _point(step: int, losses: list[float], seen: ValidationReport) -> CurvePoint:
    return CurvePoint(
        step=step,
        train_loss=sum(losses) / len(losses),
        validation_loss=seen.loss,
        validation_recall_at_10=seen.recall_at_10,
        match_rate=seen.match_rate,
    )


class _BestAdapter:
    """Keeps the adapter's weights of the best look so far."""

    def __init__(self, model: Any, config: PlannerConfig) -> None:
        self._model = model
        self._config = config
        self._weights: dict[str, Tensor] = {}
        self._best: tuple[float, float, float] | None = None
        self._looks_since = 0
        self.best_step = 0
        self.curve: list[CurvePoint] = []

    def is_exhausted_after(self, point: CurvePoint) -> bool:
        """Note the point, and say whether patience is over."""
        self.curve.append(point)
        rank = self._rank(point)
        if self._best is None or rank > self._best:
            self._best, self.best_step, self._looks_since = rank, point.step, 0
            self._weights = {
                name: weight.detach().clone()
                for name, weight in self._model.named_parameters()
                if weight.requires_grad
            }
        else:
            self._looks_since += 1
        return self._looks_since >= self._config.patience

    def restore(self) -> None:
        """Put the best look's weights back."""
        with torch.no_grad():
            for name, weight in self._model.named_parameters():
                if name in self._weights:
                    weight.copy_(self._weights[name])

    def _rank(self, point: CurvePoint) -> tuple[float, float, float]:
        reached = min(point.match_rate, self._config.min_match_rate)
        return reached, point.validation_recall_at_10, -point.validation_loss
