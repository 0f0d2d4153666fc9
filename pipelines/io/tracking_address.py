"""Where MLflow keeps its runs: light, since importing MLflow takes seconds."""

from __future__ import annotations

import os
from pathlib import Path

from pipelines.io import paths

SQLITE = "sqlite:///"


def tracking_uri(root: Path = Path()) -> str:
    """Return MLFLOW_TRACKING_URI if set, otherwise the database of the tree at ``root``."""
    local = (root / paths.TRACKING_DATABASE).absolute()
    return os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{local}"


def make_room_for(uri: str) -> None:
    """Make the folder of a local database; MLflow waits for minutes where there is none."""
    if uri.startswith(SQLITE):
        Path(uri.removeprefix(SQLITE)).parent.mkdir(parents=True, exist_ok=True)
