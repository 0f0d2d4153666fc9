"""How many steps of fine-tuning a budget of minutes allows, by what they take on this machine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch

from expectations.contracts.errors import UserError
from training.planner.config import PlannerConfig
from training.processes import ProcessGroup

MEASURED_STEPS = 4
"""Few, as they teach nothing; more than one, as batches differ. One before them warms up."""
SECONDS = 60
"""Of a minute."""


def settle_steps(
    config: PlannerConfig,
    take_step: Callable[[], object],
    evaluate: Callable[[], object],
    group: ProcessGroup,
) -> PlannerConfig:
    """Return the settings with the steps that fit into the budget; as they are without one.

    The number is settled before the first step, since the learning rate follows it: with it as
    ``max_steps`` instead of the budget, the same training comes about again, bit by bit.

    Args:
        config: all settings.
        take_step: reads a batch forwards and backwards, and changes nothing.
        evaluate: takes the figures of one evaluation.
        group: the processes that train together; the first one's clock counts.

    Raises:
        UserError: not even one step fits.
    """
    if config.budget_minutes is None:
        return config
    started = time.monotonic()
    take_step()
    step_seconds = _time(lambda: [take_step() for _ in range(MEASURED_STEPS)]) / MEASURED_STEPS
    evaluation_seconds = _time(evaluate)
    left = SECONDS * config.budget_minutes - (time.monotonic() - started)
    steps = torch.tensor([count_steps(left, step_seconds, evaluation_seconds, config)])
    steps = steps.to(group.device)
    group.broadcast([steps])
    if not steps.item():
        rule = f"has room for a step, which takes {step_seconds:.1f} s, and for one evaluation"
        remedy = "raise it, lower planner.batch_size, or choose a smaller base model"
        raise UserError("planner.budget_minutes", rule, remedy, f"{config.budget_minutes:g}")
    return config.model_copy(update={"max_steps": int(steps.item())})


def count_steps(
    seconds: float, step_seconds: float, evaluation_seconds: float, config: PlannerConfig
) -> int:
    """Return the most steps whose training, evaluations and refit take so many seconds.

    >>> config = PlannerConfig(evaluate_every=100, refit=False)
    >>> count_steps(1000.0, step_seconds=2.0, evaluation_seconds=50.0, config=config)
    400
    >>> count_steps(1000.0, 2.0, 50.0, config.model_copy(update={"refit": True}))
    320
    """
    each = step_seconds * (1 + (config.refit_share if config.refit else 0))
    # evaluations stand behind every so many steps, and behind the last
    whole, rest = divmod(seconds, config.evaluate_every * each + evaluation_seconds)
    steps = int(whole) * config.evaluate_every
    return steps + max(0, math.floor((rest - evaluation_seconds) / each))


def _time(work: Callable[[], object]) -> float:
    """Return the seconds that something takes by the clock."""
    started = time.monotonic()
    work()
    return time.monotonic() - started
