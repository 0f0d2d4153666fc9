"""The learning rate of every step: a line up to the whole, then a cosine down to zero."""

from __future__ import annotations

from math import cos, pi

import pytest
import torch

from training.planner.schedule import make_scheduler


@pytest.mark.parametrize(("n_steps", "share", "n_warmup"), [(500, 0.05, 25), (7, 0.0, 1)])
def test_every_step_has_the_rate_of_the_formula(n_steps: int, share: float, n_warmup: int) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.002)
    scheduler = make_scheduler(optimizer, n_steps, share)
    rates = []
    for _ in range(n_steps):
        rates += scheduler.get_last_lr()
        optimizer.step()
        scheduler.step()
    up = [0.002 * ((step + 1) / n_warmup) for step in range(n_warmup)]
    n_left = n_steps - n_warmup
    assert rates == up + [0.002 * (0.5 * (1 + cos(pi * (step / n_left)))) for step in range(n_left)]
