"""Which evaluation is kept: what must be reached first, then recall, and the latest of equals."""

from __future__ import annotations

import pytest
import torch

from training.planner.config import PlannerConfig
from training.planner.tuning.curve import BestAdapter, CurvePoint

CONFIG = PlannerConfig(aimed_match_rate=0.99, aimed_coverage=0.9, patience=2)
N_TRANSITIONS = 100  # a recall of .5 has a standard error of .05
Figures = tuple[float, float, float]
"""Recall, match rate, coverage."""


def keep(*evaluations: Figures, patience: int = 9) -> tuple[BestAdapter, torch.nn.Linear, int]:
    """The keeper after these evaluations at steps 1, 2, …; the model; and how many there were."""
    model = torch.nn.Linear(1, 1, bias=False)
    keeper = BestAdapter(model, CONFIG.model_copy(update={"patience": patience}), N_TRANSITIONS)
    for step, (recall, match_rate, coverage) in enumerate(evaluations, 1):
        with torch.no_grad():
            model.weight.fill_(step)
        if keeper.should_stop_after(CurvePoint(step, 0.0, 0.0, recall, match_rate, coverage)):
            break
    return keeper, model, len(keeper.curve)


@pytest.mark.parametrize(
    ("evaluations", "kept"),
    [
        ([(0.4, 1, 1), (0.5, 1, 1), (0.46, 1, 1)], 3),  # within a standard error of the best
        ([(0.4, 1, 1), (0.5, 1, 1), (0.44, 1, 1)], 2),  # not within it
        ([(0.5, 1, 1), (0.46, 1, 1), (0.42, 1, 1)], 2),  # of the best, not of the one kept
        ([(0.9, 0.5, 1), (0.2, 0.99, 1), (0.8, 0.98, 1)], 2),  # the match rate comes first
        ([(0.9, 1, 0.5), (0.2, 1, 0.9), (0.8, 1, 0.8)], 2),  # then coverage
        ([(0.2, 0.5, 0.5), (0.9, 0.4, 1), (0.2, 0.6, 0.1)], 3),  # while none does: the highest
        ([(0.5, 0.99, 0.9), (0.3, 1, 1)], 1),  # more than enough is enough
    ],
)
def test_the_evaluation_that_is_kept(evaluations: list[Figures], kept: int) -> None:
    keeper, model, _ = keep(*evaluations)
    assert keeper.best_step == kept
    keeper.restore()
    assert model.weight.item() == kept


def test_patience_counts_the_evaluations_that_were_not_kept() -> None:
    worse = (0.1, 1.0, 1.0)
    _, _, taken = keep((0.5, 1, 1), worse, (0.5, 1, 1), worse, worse, (0.5, 1, 1), patience=2)
    assert taken == 5
