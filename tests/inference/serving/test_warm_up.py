"""A release is warm before it is served: the first request waits for nothing to be compiled."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.inference.serving.asked_service import set_champion
from tests.worlds.online.published import PublishedReleases
from tests.worlds.online.serving import REPOSITORY

PROBE = """
import json
from numba.core.event import install_recorder
from pipelines.release.tracking import open_tracking
from tests.inference.serving.asked_service import ask, serve
open_tracking()
with install_recorder("numba:compile") as loading, serve() as client:
    before = len(loading.buffer)
    answers = [ask(client, user)["answered_by"] for user in ("ann", "ben", "nobody", "ann")]
    print(json.dumps([before, len(loading.buffer) - before, answers]))
"""


@pytest.mark.long  # everything is compiled: some twenty seconds
def test_all_is_compiled_before_a_release_is_served(
    tree: PublishedReleases, tmp_path: Path
) -> None:
    set_champion(tree.first)
    environment = os.environ | {
        "PYTHONPATH": str(REPOSITORY),
        "NUMBA_CACHE_DIR": str(tmp_path),  # as on a new machine: nothing is there
        "NUMBA_NUM_THREADS": "1",
    }
    environment.pop("MLFLOW_TRACKING_URI", None)  # the tree's own
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        cwd=tree.root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    before, while_asked, answers = json.loads(done.stdout.splitlines()[-1])
    assert before > 0
    assert answers == ["full", "single_cluster", "unknown_user", "full"]
    assert while_asked == 0
