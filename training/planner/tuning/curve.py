"""The training curve, and which of its evaluations at validation is kept."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from training.planner.config import PlannerConfig

if TYPE_CHECKING:
    from peft import PeftModel


@dataclass(frozen=True)
class CurvePoint:
    """One row of the training curve; ``train_loss`` is the mean since the row before."""

    step: int
    train_loss: float
    validation_loss: float
    validation_recall_at_10: float
    match_rate: float
    validation_coverage_at_5: float


class BestAdapter:
    """Keeps the adapter's weights of the evaluation that is to be released.

    See :func:`training.planner.tuning.finetune.fine_tune` for which that is.
    """

    def __init__(self, model: PeftModel, config: PlannerConfig, n_transitions: int) -> None:
        self._model = model
        self._config = config
        self._n_transitions = n_transitions
        self._weights: dict[str, Tensor] = {}
        self._reached = (-1.0, -1.0)
        self._highest_recall = -1.0
        self._evaluations_since = 0
        self.best_step = 0
        self.curve: list[CurvePoint] = []

    def should_stop_after(self, point: CurvePoint) -> bool:
        """Note the point, and say whether patience is over."""
        self.curve.append(point)
        if self._is_to_be_kept(point):
            self.best_step, self._evaluations_since = point.step, 0
            self._weights = {
                name: weight.detach().clone()
                for name, weight in self._model.named_parameters()
                if weight.requires_grad
            }
        else:
            self._evaluations_since += 1
        return self._evaluations_since >= self._config.patience

    def restore(self) -> None:
        """Put the kept evaluation's weights back."""
        with torch.no_grad():
            for name, weight in self._model.named_parameters():
                if name in self._weights:
                    weight.copy_(self._weights[name])

    def _is_to_be_kept(self, point: CurvePoint) -> bool:
        config = self._config
        reached = (
            min(point.match_rate, config.aimed_match_rate),
            min(point.validation_coverage_at_5, config.aimed_coverage),
        )
        if reached < self._reached:
            return False
        best = self._highest_recall if reached == self._reached else -1.0
        self._reached, self._highest_recall = reached, max(best, point.validation_recall_at_10)
        recall = self._highest_recall
        error = math.sqrt(recall * (1 - recall) / self._n_transitions)
        return point.validation_recall_at_10 >= recall - error
