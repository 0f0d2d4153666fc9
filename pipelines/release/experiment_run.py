"""Leaves an MLflow run of a build that is an experiment of DVC's."""

from __future__ import annotations

import os
from pathlib import Path

from dvc.env import DVC_EXP_BASELINE_REV, DVC_EXP_NAME, DVC_ROOT

from pipelines.io import paths
from pipelines.io.tracking_address import tracking_uri
from pipelines.release.tracking import RELEASE_TAG, open_tracking, run_of_build

EXPERIMENT_TAG = "dvc_experiment"
BASELINE_TAG = "dvc_baseline"
TRACKING_VARIABLE = "MLFLOW_TRACKING_URI"


def log_experiment_run(release_id: str) -> None:
    """Log a run under the experiment's name if ``dvc exp run`` runs this; else do nothing.

    Any other build is logged when it is published. An experiment in a folder of its own
    (``--temp``, ``--queue``) is logged to the tree that it came from.
    """
    experiment = os.environ.get(DVC_EXP_NAME)
    if not experiment:
        return
    tree = Path(os.environ.get(DVC_ROOT, ""))
    os.environ.setdefault(TRACKING_VARIABLE, tracking_uri(tree))
    tags = {
        RELEASE_TAG: release_id,
        EXPERIMENT_TAG: experiment,
        BASELINE_TAG: os.environ.get(DVC_EXP_BASELINE_REV, ""),
    }
    with run_of_build(open_tracking(), experiment, tags):
        print(f"experiment {experiment}: logged to MLflow, with {paths.METRICS} and plots")
