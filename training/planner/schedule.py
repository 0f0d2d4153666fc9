"""The optimizers of both trainings: AdamW, linear warm-up, cosine decay, clipped gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from peft.optimizers import create_loraplus_optimizer
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, SequentialLR
from transformers import get_cosine_schedule_with_warmup

from training.planner.config import PlannerConfig

if TYPE_CHECKING:
    from peft import PeftModel

MAX_GRADIENT_NORM = 1.0
"""The usual bound in fine-tuning; the Trainer of transformers has it as its default."""
BETAS = (0.9, 0.98)
"""Of the original transformer (Vaswani et al., 2017): a short memory suits a few hundred steps."""


def make_optimizer(
    weights: list[Tensor],
    learning_rate: float,
    weight_decay: float,
    max_steps: int,
    warmup_share: float,
) -> tuple[Optimizer, LRScheduler]:
    """Return (optimizer, scheduler) of whole weights; the scheduler steps with the optimizer."""
    optimizer = torch.optim.AdamW(
        weights, lr=learning_rate, weight_decay=weight_decay, betas=BETAS, fused=True
    )
    return optimizer, make_scheduler(optimizer, max_steps, warmup_share)


def make_adapter_optimizer(
    model: PeftModel, config: PlannerConfig
) -> tuple[Optimizer, LRScheduler]:
    """Return (optimizer, scheduler) of a model's adapter.

    LoRA's matrices B, which start at zero, learn ``config.lora.loraplus_lr_ratio`` times faster
    than its matrices A (LoRA+: arXiv 2402.12354).
    """
    optimizer = create_loraplus_optimizer(
        model,
        torch.optim.AdamW,
        lr=config.learning_rate,
        loraplus_lr_ratio=config.lora.loraplus_lr_ratio,
        loraplus_weight_decay=config.weight_decay,
        betas=BETAS,
        fused=True,
    )
    return optimizer, make_scheduler(optimizer, config.max_steps, config.warmup_share)


def make_scheduler(optimizer: Optimizer, max_steps: int, warmup_share: float) -> LRScheduler:
    """Return the scheduler of a linear warm-up, then a cosine down to zero.

    The first step learns already, at the first part of the rate, and the last step of the warm-up
    and the first of the cosine both at all of it.

    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    >>> scheduler = make_scheduler(optimizer, max_steps=12, warmup_share=0.2)
    >>> rates = []
    >>> for _ in range(13):
    ...     rates += scheduler.get_last_lr()
    ...     optimizer.step()
    ...     scheduler.step()
    >>> [round(rates[step], 3) for step in (0, 1, 2, 7, 12)]
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    n_warmup = max(1, round(warmup_share * max_steps))
    # Not the warm-up of transformers: it starts at a rate of zero, which wastes a step.
    warmup = LambdaLR(optimizer, lambda step: (step + 1) / n_warmup)
    cosine = get_cosine_schedule_with_warmup(optimizer, 0, max_steps - n_warmup)
    return SequentialLR(optimizer, [warmup, cosine], milestones=[n_warmup])


def take_step(weights: list[Tensor], optimizer: Optimizer, scheduler: LRScheduler) -> None:
    """Take one optimizer step by the gradients of the weights, their norm clipped."""
    torch.nn.utils.clip_grad_norm_(weights, MAX_GRADIENT_NORM)
    optimizer.step()
    scheduler.step()
    optimizer.zero_grad(set_to_none=True)
