"""All that an evaluation of the planner is set to."""

from __future__ import annotations

from dataclasses import dataclass

from inference.plans.config import PlanConfig
from inference.search.config import TableConfig
from training.evaluation.clusters.config import EvaluationConfig


@dataclass(frozen=True)
class EvaluationSettings:
    """The sections of ``params.yaml`` that a planner is evaluated by.

    Attributes:
        evaluation: values tried of the baselines' settings, resamples, penalty of the stacks.
        table: depth of a row: a baseline's ranking is cut there too.
        plan: how rows are combined.
        user_weight_penalty: with which pair counts are aligned, as the planner's rows are.
        seed: of the transformer among the baselines.
    """

    evaluation: EvaluationConfig
    table: TableConfig
    plan: PlanConfig
    user_weight_penalty: float
    seed: int
