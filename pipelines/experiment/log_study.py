"""Logs a finished study to MLflow: a run of its own, beside those of releases."""

from __future__ import annotations

import time
from pathlib import Path

import mlflow
from mlflow.entities import Metric

from pipelines.experiment.study import ARMS, FIGURES, PICTURES, ROUNDS, SETTINGS
from pipelines.experiment.study_pictures import FOLLOWED
from pipelines.io.artefact_io import read_figures
from pipelines.params.params import Params
from pipelines.release.code_version import read_code_version
from pipelines.release.tracking import METRICS_AT_ONCE, id_of_experiment, open_tracking

RUN_NAME = "study"
STUDY_TAG = "study_folder"


def log_study(params: Params, folder: Path) -> str:
    """Log settings, figures, tables and pictures of a study; return the id of the run.

    Every figure lies in the run's ``figures.json``. Its metrics are those of the page's pictures,
    with intervals, and their differences to the control.

    Args:
        params: as the study had them.
        folder: a finished study.

    Raises:
        RegistryUnreachableError: nobody answers where runs are kept.
        ReleaseError: what is kept there cannot be read.
    """
    client = open_tracking()
    tags = {STUDY_TAG: folder.name, **read_code_version().tags()}
    with mlflow.start_run(
        experiment_id=id_of_experiment(client), run_name=RUN_NAME, tags=tags
    ) as run:
        run_id = str(run.info.run_id)
        mlflow.log_params(
            {f"study.{k}": v for k, v in params.study.model_dump(mode="json").items()}
        )
        now = int(time.time() * 1000)
        metrics = [
            Metric(name, value, now, 0)
            for name, value in read_figures(folder / FIGURES).items()
            if is_headline(name)
        ]
        for start in range(0, len(metrics), METRICS_AT_ONCE):
            client.log_batch(run_id, metrics=metrics[start : start + METRICS_AT_ONCE])
        for name in (SETTINGS, FIGURES, ARMS, ROUNDS):
            client.log_artifact(run_id, str(folder / name))
        client.log_artifacts(run_id, str(folder / PICTURES), PICTURES)
    return run_id


def is_headline(name: str) -> bool:
    """Whether a figure of the study is one of :data:`FOLLOWED`, or an arm's difference in one."""
    plain = name.removesuffix("_low").removesuffix("_high")
    return plain.endswith(FOLLOWED) and ("_minus_" not in plain or "_minus_control_" in plain)
