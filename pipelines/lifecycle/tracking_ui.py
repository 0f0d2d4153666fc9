"""MLflow's pages over the local store, whose paths follow the tree first."""

from __future__ import annotations

import os
import sys

from pipelines.release.tracking import open_tracking, tracking_uri

SERVERS = ("http://", "https://")


def show_tracking(port: int) -> None:
    """Become MLflow's server over the store of this tree; print the address of one that runs.

    Raises:
        UserError: the store is broken, of another version of MLflow, or away.
    """
    open_tracking()  # makes a store where there is none, and lets one that was moved follow
    uri = tracking_uri()
    if uri.startswith(SERVERS):
        print(f"runs and models are at {uri}")
        return
    command = ["-m", "mlflow", "ui", "--backend-store-uri", uri, "--port", str(port)]
    os.execv(sys.executable, [sys.executable, *command])
