"""Logs an MLflow run of a publish or an experiment: beside registration the only writer there."""

from __future__ import annotations

import csv
import logging
import math
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import mlflow
import yaml
from mlflow import MlflowClient
from mlflow.entities import LifecycleStage, Metric, Param

from expectations.contracts.content_hash import hash_content
from expectations.contracts.errors import ReleaseError
from inference.release.registry_answer import require_registry
from pipelines.io import paths
from pipelines.io.artefact_io import read_figures
from pipelines.io.failures import says_more
from pipelines.io.tracking_address import require_one_server
from pipelines.io.tracking_address import tracking_uri as tracking_uri
from pipelines.release.artefact_place import artefact_place, follow_move
from pipelines.release.code_version import read_code_version
from pipelines.release.release_record import LOCK_FILE
from pipelines.release.runs.datasets import log_datasets
from pipelines.release.tracking_database import (
    make_tracking_database,
    once,
    readable,
    without_password,
)

EXPERIMENT = "interest_explorer"  # the name of the Feast project: its pages look for runs there
WRITERS = ("mlflow.store.db.utils", "feast.mlflow_integration.logger")
"""Loggers of what writes to the store: they tell of an error before they raise or swallow it."""

LOCK_TAG = "dvc_lock_sha256"
RELEASE_TAG = "release_id"
PARAMS_AT_ONCE = 100
"""MLflow's own limit on the parameters of one call of ``log_batch``."""
METRICS_AT_ONCE = 1000
"""MLflow's own limit on the metrics of one call."""
MAX_PARAM_LENGTH = 6000
"""MLflow's own limit on a parameter's value."""

PICTURES = "pictures"
"""Folder of a run with the plots of `dvc.yaml` as pictures."""

CURVES: Mapping[str, Path] = {
    "planner": paths.PLANNER_CURVE,
    "recommender": paths.RECOMMENDER_CURVE,
}


def open_tracking() -> MlflowClient:
    """Return a client of the tracking server, the experiment made on the first call.

    Raises:
        RegistryUnreachableError: nobody answers there.
        ReleaseError: the store is broken, or of another version of MLflow, or the registry is to
            lie elsewhere.
    """
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.WARNING)
    for writer in WRITERS:
        logging.getLogger(writer).addFilter(says_more)
    # MLflow's own use of SQLAlchemy; nothing a user of this project could mend.
    warnings.filterwarnings("ignore", message=".*noload.*", category=DeprecationWarning)
    uri = tracking_uri()
    require_one_server(uri)
    with readable(uri):
        require_registry(uri)
        make_tracking_database(uri)
        mlflow.set_tracking_uri(uri)
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        if client.get_experiment_by_name(EXPERIMENT) is None:
            with once():
                client.create_experiment(EXPERIMENT, artifact_location=artefact_place(uri))
        else:
            follow_move(uri, EXPERIMENT)
    return client


@contextmanager
def run_of_release(client: MlflowClient, release_id: str) -> Iterator[str]:
    """Yield the id of a run with everything that is known of this release already logged.

    It ends as failed if the block raises, so that a half-registered release is seen as one.
    """
    tags = {RELEASE_TAG: release_id, LOCK_TAG: lock_hash()}
    with run_of_build(client, release_id[:12], tags) as run_id:
        if LOCK_FILE.is_file():
            client.log_artifact(run_id, str(LOCK_FILE))
        yield run_id


@contextmanager
def run_of_build(client: MlflowClient, name: str, tags: Mapping[str, str]) -> Iterator[str]:
    """Yield the id of a run with settings, figures, files and data of the working tree."""
    with mlflow.start_run(
        experiment_id=id_of_experiment(client),
        run_name=name,
        tags={**tags, **read_code_version().tags()},
    ) as run:
        run_id = str(run.info.run_id)
        _log_params(client, run_id)
        _log_figures(client, run_id)
        _log_files(client, run_id)
        log_datasets()
        yield run_id


def id_of_experiment(client: MlflowClient) -> str:
    """Return the id of the experiment that runs are logged to.

    Raises:
        ReleaseError: somebody deleted it in MLflow; until it is purged it can be restored.
    """
    experiment = client.get_experiment_by_name(EXPERIMENT)
    number = str(experiment.experiment_id)
    if experiment.lifecycle_stage != LifecycleStage.ACTIVE:
        command = f"mlflow experiments restore --experiment-id {number}"
        remedy = f"`MLFLOW_TRACKING_URI={without_password(tracking_uri())} {command}`"
        found = str(experiment.lifecycle_stage)
        raise ReleaseError(f"MLflow experiment {EXPERIMENT}", "is active", remedy, found)
    return number


def lock_hash() -> str:
    """Return the SHA-256 of ``dvc.lock``, which names every input and output of the build."""
    return hash_content(LOCK_FILE).sha256 if LOCK_FILE.is_file() else "absent"


def figures_of_run() -> dict[str, float]:
    """Return the headline figures, and what all stages that ran here took together."""
    files = {*paths.STAGE_COSTS.glob("*.json")} - {paths.PLANNING_COST}  # a part of the table's
    costs = [read_figures(file) for file in sorted(files)]
    totals = {
        f"cost_{name}": sum(cost.get(name, 0.0) for cost in costs)
        for name in ("wall_seconds", "processor_seconds")
        if any(name in cost for cost in costs)
    }
    summary = paths.metrics_of("summary")
    return {**(read_figures(summary) if summary.is_file() else {}), **totals}


def _log_params(client: MlflowClient, run_id: str) -> None:
    content = yaml.safe_load(paths.PARAMS_FILE.read_text(encoding="utf-8")) or {}
    params = [Param(key, value[:MAX_PARAM_LENGTH]) for key, value in _flatten("", content)]
    for start in range(0, len(params), PARAMS_AT_ONCE):
        client.log_batch(run_id, params=params[start : start + PARAMS_AT_ONCE])


def _log_figures(client: MlflowClient, run_id: str) -> None:
    now = int(time.time() * 1000)
    metrics = [Metric(name, value, now, 0) for name, value in figures_of_run().items()]
    for prefix, file in CURVES.items():
        metrics.extend(_curve(prefix, file, now))
    for start in range(0, len(metrics), METRICS_AT_ONCE):
        client.log_batch(run_id, metrics=metrics[start : start + METRICS_AT_ONCE])


def _log_files(client: MlflowClient, run_id: str) -> None:
    for file in (paths.PARAMS_FILE, paths.RELEASE, paths.CLUSTER_MAP):
        if file.is_file():
            client.log_artifact(run_id, str(file))
    for folder in (paths.METRICS, paths.STAGE_COSTS, paths.PLOTS, paths.DATA_DOCS):
        if folder.is_dir():
            client.log_artifacts(run_id, str(folder), folder.name)
    # it imports matplotlib, which a service that only opens the store needs not wait for
    from pipelines.release.runs.plots import draw_plots

    for name, picture in draw_plots():
        client.log_figure(run_id, picture, f"{PICTURES}/{name}")


def _curve(prefix: str, file: Path, now: int) -> list[Metric]:
    """Return a training curve as metrics by step; a cell without a number is left out."""
    if not file.is_file():
        return []
    metrics = []
    with file.open(encoding="utf-8", newline="") as stream:
        for number, row in enumerate(csv.DictReader(stream)):
            step = int(float(row.get("step") or number))
            for name, text in row.items():
                value = _number(text)
                if name != "step" and value is not None:
                    metrics.append(Metric(f"curve.{prefix}.{name}", value, now, step))
    return metrics


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _flatten(prefix: str, content: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name, value in content.items():
        key = f"{prefix}.{name}" if prefix else str(name)
        if isinstance(value, Mapping):
            yield from _flatten(key, value)
        else:
            yield key, str(value)
