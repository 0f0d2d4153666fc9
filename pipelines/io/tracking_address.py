"""Where MLflow keeps its runs: light, since importing MLflow takes seconds."""

from __future__ import annotations

import os
from pathlib import Path

from expectations.contracts.errors import ReleaseError
from pipelines.io import paths

REGISTRY = "MLFLOW_REGISTRY_URI"
"""MLflow's own variable for a registry apart from the runs; MLflow also sets it itself."""

SQLITE = "sqlite:///"


def tracking_uri(root: Path = Path()) -> str:
    """Return MLFLOW_TRACKING_URI if set, otherwise the database of the tree at ``root``."""
    local = (root / paths.TRACKING_DATABASE).absolute()
    return os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{local}"


def require_one_server(uri: str) -> None:
    """Require that runs and registered models are to lie in one place.

    A release is read back through the address of its runs, so versions written to another registry
    would never be served.

    Raises:
        ReleaseError: MLFLOW_REGISTRY_URI names another place than ``uri``.
    """
    registry = os.environ.get(REGISTRY) or uri
    if registry != uri:
        rule = "names the place that MLFLOW_TRACKING_URI names: a release needs both in one"
        raise ReleaseError(REGISTRY, rule, f"unset {REGISTRY}, or set both to one server")


def make_room_for(uri: str) -> None:
    """Make the folder of a local database; MLflow waits for minutes where there is none."""
    if uri.startswith(SQLITE):
        Path(uri.removeprefix(SQLITE)).parent.mkdir(parents=True, exist_ok=True)
