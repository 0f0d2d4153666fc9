"""Reads the settings of the served plan: ONE way for every stage after the alignment."""

from __future__ import annotations

from inference.plans.config import PlanConfig
from pipelines.io import paths
from pipelines.io.artefact_io import read_json


def read_plan() -> PlanConfig:
    """Return how plans are made: `plan` of the settings, its mix in figures.

    Raises:
        UserError: the alignment is not built.
    """
    return PlanConfig.from_json(read_json(paths.PLAN_CONFIG), str(paths.PLAN_CONFIG))
