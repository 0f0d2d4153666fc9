"""One model logged and registered: weights, code, pins, an example of its input, descriptions."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
from mlflow import MlflowClient

from pipelines.io import paths
from pipelines.io.artefact_io import read_figures
from pipelines.release import logged_models
from pipelines.release.code_version import read_code_version
from pipelines.release.model_registry import CONTENT_TAG, describe_model, find_model
from pipelines.release.registration.model_code import copy_code
from pipelines.release.tracking import LOCK_TAG, lock_hash

CODE = Path(next(iter(logged_models.__path__)))


@dataclass(frozen=True)
class ModelToLog:
    """One model to log.

    Attributes:
        name: under which it is registered.
        purpose: what every version of that name is, for people.
        code: file of :mod:`pipelines.release.logged_models` that loads it.
        artefacts: name to file or folder of what is stored with it.
        content_sha256: its identity; of the same content there is one version.
        description: what this version is, for people.
        example: an input that it answers; run once, so that a model that cannot is not registered.
        config: what the code is given beside the artefacts.
        headlines: how those of ``metrics/summary.json`` begin that are about it.
        tags: of its version, beside those that each one has.
    """

    name: str
    purpose: str
    code: str
    artefacts: Mapping[str, Path]
    content_sha256: str
    description: str
    example: list[str] | list[list[str]]
    config: Mapping[str, str] = field(default_factory=dict)
    headlines: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


def register_once(client: MlflowClient, model: ModelToLog) -> int:
    """Return the version of the same content, registered now unless it was."""
    known = find_model(client, model.name, CONTENT_TAG, model.content_sha256)
    return int(known.version) if known else register(client, model)


def register(client: MlflowClient, model: ModelToLog) -> int:
    """Log a model within the active run, and return its new version in the registry."""
    info = _log(model)
    if model.headlines is not None:
        figures = read_figures(paths.metrics_of("summary")).items()
        own = {name: value for name, value in figures if name.startswith(model.headlines)}
        mlflow.log_metrics(own, model_id=info.model_id)
    describe_model(client, model.name, model.purpose)
    tags = {CONTENT_TAG: model.content_sha256, LOCK_TAG: lock_hash()}
    made = client.create_model_version(
        model.name,
        info.model_uri,
        run_id=info.run_id,
        tags={**tags, **read_code_version().tags(), **model.tags},
        description=model.description,
        model_id=info.model_id,
    )
    return int(made.version)


def _log(model: ModelToLog) -> mlflow.models.model.ModelInfo:
    logging.getLogger("mlflow.models.signature").setLevel(logging.WARNING)  # says that it runs
    with TemporaryDirectory(prefix="code-") as folder:
        requirements = copy_code(CODE / model.code, Path(folder))
        return mlflow.pyfunc.log_model(
            name=model.name,
            python_model=str(CODE / model.code),
            artifacts={name: str(path) for name, path in model.artefacts.items()},
            model_config=dict(model.config),
            code_paths=[str(package) for package in sorted(Path(folder).iterdir())],
            pip_requirements=requirements,
            input_example=model.example,
            metadata={CONTENT_TAG: model.content_sha256},
        )
