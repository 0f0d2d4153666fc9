"""The optimizers of both trainings: AdamW, linear warm-up, cosine decay, clipped gradients."""

from __future__ import annotations

import math
from typing import Any

import torch
from peft.optimizers import create_loraplus_optimizer

from training.planner.config import PlannerConfig

MAX_GRADIENT_NORM = 1.0
BETAS = (0.9, 0.98)


def make_optimizer(
    weights: list[Any],
    learning_rate: float,
    weight_decay: float,
    max_steps: int,
    warmup_share: float,
) -> tuple[Any, Any]:
    """Return (optimizer, schedule) of whole weights; the schedule steps with the optimizer."""
    optimizer = torch.optim.AdamW(
        weights, lr=learning_rate, weight_decay=weight_decay, betas=BETAS, fused=True
    )
    return optimizer, _schedule(optimizer, max_steps, warmup_share)


def make_adapter_optimizer(model: Any, config: PlannerConfig) -> tuple[Any, Any]:
    """Return (optimizer, schedule) of a model's adapter.

    LoRA's second matrices, which start at zero, learn ``config.lora.second_rate`` times faster
    (LoRA+: arXiv 2402.12354).
    """
    optimizer = create_loraplus_optimizer(
        model,
        torch.optim.AdamW,
        lr=config.learning_rate,
        loraplus_lr_ratio=config.lora.second_rate,
        loraplus_weight_decay=config.weight_decay,
        betas=BETAS,
        fused=True,
    )
    return optimizer, _schedule(optimizer, config.max_steps, config.warmup_share)


def _schedule(optimizer: Any, max_steps: int, warmup_share: float) -> Any:
    return torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: learning_rate_share(step, max_steps, warmup_share)
    )


def learning_rate_share(step: int, max_steps: int, warmup_share: float) -> float:
    """Return the share of the peak learning rate: linear warm-up, then a cosine down to zero.

    >>> [round(learning_rate_share(step, 12, 0.2), 3) for step in (0, 1, 2, 7, 12)]
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    warmup = max(1, round(warmup_share * max_steps))
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, max_steps - warmup)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def descend(weights: list[Any], optimizer: Any, schedule: Any) -> None:
    """Take one step down the gradients that lie at the weights, their norm clipped."""
    torch.nn.utils.clip_grad_norm_(weights, MAX_GRADIENT_NORM)
    optimizer.step()
    schedule.step()
    optimizer.zero_grad(set_to_none=True)
