"""Makes the clusterings and planners that ``benchmarks.planner`` measures: the pipeline's stages.

A folder's name tells the settings and the code of the stages behind it, so a run is used again
only where neither has changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from pipelines import paths
from pipelines.params import PARAMS_FILE

REPOSITORY = Path(__file__).resolve().parents[1]
CLUSTERING_STAGES = ("clusters", "histories", "curate")
PLANNER_STAGES = ("base_model", "planner", "table")
CLUSTERING_SECTIONS = ("dataset", "split", "clusters", "histories", "curation")
PLANNER_SECTIONS = (*CLUSTERING_SECTIONS, "planner", "table")
DONE = "done"
LOG = "stages.log"
DIGITS = 12  # of a SHA-256, in folder names

Settings = dict[str, Any]


@dataclass(frozen=True)
class PlannerRun:
    """A planner with its table, in a folder of its own."""

    clustering: int
    seed: int
    folder: Path

    @property
    def name(self) -> str:
        """What the run is called in tables."""
        return f"clustering {self.clustering}, seed {self.seed}"


def read_settings(changes: Sequence[str], threads: int) -> Settings:
    """Return the shipped settings with ``section.key=value`` changes, as ``dvc exp run -S`` has.

    No gate of the table stops a run: coverage is one of the figures.

    Raises:
        SystemExit: a change is not of that form.
    """
    settings: Settings = yaml.safe_load((REPOSITORY / PARAMS_FILE).read_text(encoding="utf-8"))
    for change in changes:
        key, equals, value = change.partition("=")
        section = settings
        *above, last = key.split(".")
        if not equals or not above:
            raise SystemExit(f"-S {change}: section.key=value is needed")
        for name in above:
            section = section.setdefault(name, {})
        read = yaml.safe_load(value)
        section[last] = value if isinstance(read, date) else read  # times are text in our settings
    settings["dataset"]["path"] = str((REPOSITORY / settings["dataset"]["path"]).resolve())
    settings["runtime"]["threads"] = threads
    settings["table"]["min_coverage_at_5"] = 0.0
    return settings


def make_clustering(settings: Settings, seed: int, root: Path) -> Path:
    """Return the folder of a clustering: all that does not depend on the planner."""
    folder = root / f"clustering_{seed}_{_digest(settings, CLUSTERING_SECTIONS)}"
    if not (folder / DONE).exists():
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(REPOSITORY / paths.FEATURE_REPO, folder / paths.FEATURE_REPO)
        _run_stages(("ingest",), settings, settings["runtime"]["seed"], folder)  # same data for all
        _run_stages(CLUSTERING_STAGES, settings, seed, folder)
        (folder / DONE).touch()
    _write_settings(settings, seed, folder)
    return folder


def make_planner(
    settings: Settings, clustering: int, seed: int, world: Path, root: Path
) -> PlannerRun:
    """Return a planner trained on the clustering in ``world``, with its table."""
    name = f"planner_{clustering}_{seed}_{_digest(settings, PLANNER_SECTIONS)}"
    run = PlannerRun(clustering, seed, root / name)
    if not (run.folder / DONE).exists():
        shutil.rmtree(run.folder, ignore_errors=True)
        shutil.copytree(world / paths.ARTIFACTS, run.folder / paths.ARTIFACTS)
        _run_stages(PLANNER_STAGES, settings, seed, run.folder)
        (run.folder / DONE).touch()
    _write_settings(settings, seed, run.folder)
    return run


def _run_stages(stages: Sequence[str], settings: Settings, seed: int, folder: Path) -> None:
    _write_settings(settings, seed, folder)
    threads = str(settings["runtime"]["threads"])
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": threads}
    for stage in stages:
        print(f"{folder.name}: {stage}", file=sys.stderr, flush=True)
        command = [sys.executable, "-m", f"pipelines.stages.{stage}"]
        with (folder / LOG).open("a") as log:
            done = subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=log)
        if done.returncode:
            last = (folder / LOG).read_text().splitlines()[-1:]
            raise SystemExit(f"stage {stage} failed in {folder}: {' '.join(last)}")


def _write_settings(settings: Settings, seed: int, folder: Path) -> None:
    own = deepcopy(settings)
    own["runtime"]["seed"] = seed
    (folder / PARAMS_FILE).write_text(yaml.safe_dump(own), encoding="utf-8")


def _digest(settings: Settings, sections: Sequence[str]) -> str:
    """Return what tells apart the settings and the code of the stages that read ``sections``."""
    more = PLANNER_STAGES if "planner" in sections else ()
    stages = ("ingest", *CLUSTERING_STAGES, *more)
    chosen = {name: settings.get(name) for name in sections}
    found = hashlib.sha256(json.dumps(chosen, sort_keys=True).encode())
    pipeline = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    deps = {dep for stage in stages for dep in pipeline[stage]["deps"]}
    for dep in sorted(deps):
        place = REPOSITORY / dep
        files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
        for file in files:
            if file.suffix == ".py" and file.is_file():
                found.update(file.read_bytes())
    return found.hexdigest()[:DIGITS]
