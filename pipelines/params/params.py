"""Reads ``params.yaml`` once, strictly, into one frozen object: unknown keys are named.

A stage takes :class:`Params` and says which keys it reads by reading them: the params of each in
``dvc.yaml`` are just those, which ``tests/house/test_dvc_params.py`` compares.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError

from expectations.contracts.errors import UserError
from inference.experiment.config import ExperimentConfig
from inference.experiment.study.config import StudyConfig
from inference.plans.config import PlanSettings
from inference.search.config import TableConfig, TableRunConfig
from inference.serving.config import ServingConfig
from pipelines.io.paths import PARAMS_FILE
from pipelines.params.gates import GatesConfig
from pipelines.params.moved_keys import MOVED_KEYS
from pipelines.params.retention import RetentionConfig
from pipelines.sources.config import DatasetConfig
from training.alignment.config import AlignmentConfig
from training.clusters.config import ClusterConfig
from training.collective.config import CollectiveConfig
from training.config import Config, RenamedKeyError, RuntimeConfig
from training.curation.config import CurationConfig, HistoryConfig
from training.curation.timeline import SplitConfig
from training.evaluation.clusters.config import EvaluationConfig
from training.planner.config import PlannerConfig
from training.recommender.config import RecommenderConfig


class Params(Config):
    """Every setting of the pipeline, one attribute a section; what is absent has its default."""

    runtime: RuntimeConfig = RuntimeConfig()
    dataset: DatasetConfig = DatasetConfig()
    split: SplitConfig = SplitConfig()
    clusters: ClusterConfig = ClusterConfig()
    histories: HistoryConfig = HistoryConfig()
    curation: CurationConfig = CurationConfig()
    collective: CollectiveConfig = CollectiveConfig()
    planner: PlannerConfig = PlannerConfig()
    recommender: RecommenderConfig = RecommenderConfig()
    table: TableConfig = TableConfig()
    table_run: TableRunConfig = TableRunConfig()
    plan: PlanSettings = PlanSettings()
    alignment: AlignmentConfig = AlignmentConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    gates: GatesConfig = GatesConfig()
    experiment: ExperimentConfig = ExperimentConfig()
    study: StudyConfig = StudyConfig()
    serving: ServingConfig = ServingConfig()
    retention: RetentionConfig = RetentionConfig()


def read_params(file: Path = PARAMS_FILE) -> Params:
    """Return the settings; a process reads them once, at its start, and hands them on.

    Raises:
        UserError: the file is missing or not YAML, or a key is unknown, absent or ill-typed.
    """
    try:
        return Params.model_validate(_load(file))
    except ValidationError as error:
        raise _explain(error, file) from None


def _load(file: Path) -> dict[str, object]:
    if not file.is_file():
        raise UserError(str(file), "the file exists", "run from the top of the repository")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(str(file), "is YAML", "mend the syntax", str(error)[:200]) from None
    if not isinstance(content, Mapping):
        raise UserError(str(file), "maps section names to settings", "see the shipped params.yaml")
    return {name: {} if section is None else section for name, section in content.items()}


def _explain(error: ValidationError, file: Path) -> UserError:
    first = error.errors()[0]
    location = tuple(map(str, first["loc"]))
    key = ".".join(location)
    if first["type"] == "extra_forbidden":
        kind = "key" if len(location) > 1 else "section"
        return UserError(str(file), f"unknown {kind} {key!r}", _remedy(location))
    reason = first.get("ctx", {}).get("error")
    if isinstance(reason, RenamedKeyError):
        return UserError(str(file), f"{key}: {reason}", "rename it")
    found = "" if first["type"] == "missing" else repr(first["input"])[:80]
    rule = reason or first["msg"]  # pydantic's words for a rule of ours begin with 'Value error'
    return UserError(str(file), f"{key}: {rule}", "correct the value", found)


def _remedy(location: tuple[str, ...]) -> str:
    moved = MOVED_KEYS.get(".".join(location))
    if moved:
        return f"it is called {moved!r} now"
    known = keys_of(_model_at(location[:-1]))
    close = difflib.get_close_matches(location[-1], known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"


def _model_at(location: tuple[str, ...]) -> type[Config]:
    model: type[Config] = Params
    for part in location:
        field = model.model_fields.get(part)
        inner = field.annotation if field else None
        if isinstance(inner, type) and issubclass(inner, Config):
            model = inner
    return model


def keys_of(model: type[Config]) -> tuple[str, ...]:
    """Return the keys of a section as ``params.yaml`` spells them."""
    return tuple(field.alias or name for name, field in model.model_fields.items())
