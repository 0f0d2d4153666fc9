"""Commands in processes forked from one that has imported everything, to be killed at any moment.

So the moments fall into the commands' work and not into the seconds of their imports.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import time
from collections.abc import Sequence
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from inference.features.online_features import FeatureReader
from inference.release.release_source import ReleaseSource
from inference.serving.config import ServingConfig
from inference.serving.release_loader import ReleaseLoader
from pipelines.commands import app
from pipelines.io.command import run_command
from pipelines.online.feature_store import open_store
from pipelines.release.tracking import open_tracking, tracking_uri

PRELOADED = [
    "pipelines.lifecycle.publish",
    "pipelines.lifecycle.promote",
    "pipelines.lifecycle.retire_releases",
    "pipelines.release.drift",
    __name__,
]
LONGER = 1.1
"""Moments are drawn from the time that an undisturbed command takes, and a little beyond."""
PATIENCE_SECONDS = 300.0

PUBLISH, PROMOTE, ROLL_BACK = ("publish",), ("promote",), ("promote", "--rollback")
RETIRE = ("retire-releases", "--artefacts")
LOOK = ()
"""No command: the service loads the champion."""


def fork_server() -> ForkServerContext:
    """Return what forks from a process that has imported all that commands need."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


def work_in(tree: str, commands: Sequence[Sequence[str]]) -> None:
    """Run commands one after the other in a tree."""
    os.chdir(tree)
    for command in commands:
        for variable in ("MLFLOW_TRACKING_URI", "FEAST_FS_YAML_FILE_PATH"):
            os.environ.pop(variable, None)
        if command == LOOK:
            load_champion()
        else:
            run_command(lambda typed=command: app.run(typed))


def load_champion() -> None:
    """Load the champion as the service does."""
    open_tracking()
    reader = FeatureReader(open_store)
    loader = ReleaseLoader(ReleaseSource(tracking_uri()), reader, ServingConfig())
    loader.refresh()
    assert loader.status.release is not None, loader.status.problem


class Trees:
    """Copies of one tree, one at a time, and commands in them.

    Args:
        context: what forks processes.
        pristine: the tree.
        folder: for the copies.
    """

    def __init__(self, context: ForkServerContext, pristine: Path, folder: Path) -> None:
        self._context = context
        self._pristine = pristine
        self._folder = folder
        self._draw = random.Random(0)
        self._n = 0
        self._start(pristine).join()  # the server's imports are in no command's time

    def copy(self) -> Path:
        """Return a fresh copy, made in place of the one before."""
        shutil.rmtree(self._folder / str(self._n), ignore_errors=True)
        self._n += 1
        return Path(shutil.copytree(self._pristine, self._folder / str(self._n)))

    def run(self, tree: Path, *commands: Sequence[str]) -> float:
        """Run commands to their end, require that all went well, and return the seconds."""
        started = time.monotonic()
        process = self._start(tree, *commands)
        process.join(PATIENCE_SECONDS)
        assert process.exitcode == 0, f"{commands} after kills, in {tree}"
        return time.monotonic() - started

    def killed_copy(self, within: float, command: Sequence[str]) -> Path:
        """Return a fresh copy in which a command was killed while it ran."""
        while True:
            tree = self.copy()
            if self.kill(tree, within, command):
                return tree
            within /= 2  # the machine has become faster

    def kill(self, tree: Path, within: float, command: Sequence[str]) -> bool:
        """Kill a command at a random moment; say whether it still ran."""
        process = self._start(tree, command)
        process.join(self._draw.uniform(0, LONGER * within))
        ran = process.exitcode is None
        process.kill()
        process.join()
        return ran

    def _start(self, tree: Path, *commands: Sequence[str]) -> ForkServerProcess:
        process = self._context.Process(target=work_in, args=(str(tree), commands))
        process.start()
        return process
