"""Makes the clusterings and planners that its benchmark measures: the pipeline's stages.

A stage is run again only where its settings, its code or a stage before it have changed; other
settings get other folders.
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

from expectations.contracts.errors import UserError
from pipelines.io import paths

REPOSITORY = Path(__file__).resolve().parents[2]
DATA_STAGES = ("ingest",)
TREE_STAGES = ("clusters", "histories", "curate")
SIGNAL_STAGES = ("collective",)
RECOMMENDER_STAGES = ("recommender",)
PLANNER_STAGES = ("base_model", "planner", "table")
DATA_SECTIONS = ("dataset", "split")
CLUSTERING_SECTIONS = (*DATA_SECTIONS, "clusters", "histories", "curation", "collective")
PLANNER_SECTIONS = (*CLUSTERING_SECTIONS, "planner", "table")
MARKS = paths.VAR / "marks"  # of each stage that has run: what it was run with
LOG = paths.VAR / "stages.log"
DIGITS = 12  # of a SHA-256, in folder names
DATE = len("2000-12-31")

Settings = dict[str, Any]


@dataclass(frozen=True)
class PlannerRun:
    """A planner with its table, in a folder of its own.

    ``origin`` is where its test begins, if the settings say so.
    """

    origin: str | None
    clustering: int
    seed: int
    folder: Path

    @property
    def name(self) -> str:
        """What the run is called in tables."""
        begins = "" if self.origin is None else f"from {self.origin[:DATE]}, "
        return f"{begins}clustering {self.clustering}, seed {self.seed}"


def read_settings(changes: Sequence[str], threads: int) -> Settings:
    """Return the shipped settings with ``section.key=value`` changes, as ``dvc exp run -S`` has.

    No gate of the table stops a run: coverage is one of the figures.

    Raises:
        UserError: a change is not of that form.
    """
    settings: Settings = yaml.safe_load(
        (REPOSITORY / paths.PARAMS_FILE).read_text(encoding="utf-8")
    )
    for change in changes:
        key, equals, value = change.partition("=")
        section = settings
        *above, last = key.split(".")
        if not equals or not above:
            raise UserError("-S", "a change is section.key=value", "correct it", change)
        for name in above:
            section = section.setdefault(name, {})
        read = yaml.safe_load(value)
        section[last] = value if isinstance(read, date) else read  # times are text in our settings
    settings["dataset"]["path"] = str((REPOSITORY / settings["dataset"]["path"]).resolve())
    settings["runtime"]["threads"] = threads
    settings["gates"]["table"]["min_coverage_at_5"] = 0.0
    return settings


@dataclass(frozen=True)
class Clustering:
    """All that does not depend on the planner, in its folder; ``mark`` tells how it was made."""

    seed: int
    folder: Path
    mark: str


def make_data(settings: Settings, root: Path) -> Path:
    """Return the folder of the data that these settings read."""
    folder = root / f"data_{name_settings(settings, DATA_SECTIONS)}"
    run_stages(DATA_STAGES, settings, settings["runtime"]["seed"], folder, "")
    return folder


def make_clustering(settings: Settings, seed: int, root: Path) -> Clustering:
    """Return the clustering of that seed; the data are the same for all."""
    tree = make_tree(settings, seed, root)
    mark = run_stages(SIGNAL_STAGES, settings, seed, tree.folder, tree.mark)
    run_stages(RECOMMENDER_STAGES, settings, seed, tree.folder, mark)  # no planner depends on it
    return Clustering(seed, tree.folder, mark)


def make_tree(settings: Settings, seed: int, root: Path) -> Clustering:
    """Return the same before anything is learnt on it: its transitions are mined."""
    folder = root / f"clustering_{seed}_{name_settings(settings, CLUSTERING_SECTIONS)}"
    shutil.copytree(
        REPOSITORY / paths.FEATURE_REPO, folder / paths.FEATURE_REPO, dirs_exist_ok=True
    )
    mark = run_stages(DATA_STAGES, settings, settings["runtime"]["seed"], folder, "")
    mark = run_stages(TREE_STAGES, settings, seed, folder, mark)
    return Clustering(seed, folder, mark)


def make_planner(settings: Settings, clustering: Clustering, seed: int, root: Path) -> PlannerRun:
    """Return a planner trained on the clustering, with its table."""
    name = f"planner_{clustering.seed}_{seed}_{name_settings(settings, PLANNER_SECTIONS)}"
    run = PlannerRun(settings["split"]["test_start"], clustering.seed, seed, root / name)
    copied = run.folder / MARKS / "clustering"
    if not copied.exists() or copied.read_text() != clustering.mark:
        shutil.rmtree(run.folder, ignore_errors=True)
        shutil.copytree(clustering.folder / paths.ARTIFACTS, run.folder / paths.ARTIFACTS)
        leave_mark(copied, clustering.mark)
    run_stages(PLANNER_STAGES, settings, seed, run.folder, clustering.mark)
    return run


def run_stages(
    stages: Sequence[str], settings: Settings, seed: int, folder: Path, mark: str
) -> str:
    """Run those of the stages that have not run like this, after ``mark``; return the last mark.

    What tells a run apart but for settings and code is for ``mark`` to say.
    """
    own = deepcopy(settings)
    own["runtime"]["seed"] = seed
    folder.mkdir(parents=True, exist_ok=True)
    (folder / paths.PARAMS_FILE).write_text(yaml.safe_dump(own), encoding="utf-8")
    for stage in stages:
        mark = _mark(stage, own, mark)
        left = folder / MARKS / stage
        if not left.exists() or left.read_text() != mark:
            left.unlink(missing_ok=True)
            _run_stage(stage, own["runtime"]["threads"], folder)
            leave_mark(left, mark)
    return mark


def _run_stage(stage: str, threads: int, folder: Path) -> None:
    print(f"{folder.name}: {stage}", file=sys.stderr, flush=True)
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-m", f"pipelines.stages.{stage}"]
    file = folder / LOG
    file.parent.mkdir(exist_ok=True)
    with file.open("a") as log:
        done = subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=log)
    if done.returncode:
        last = file.read_text().splitlines()[-1:]
        raise UserError(f"stage {stage} in {folder}", "ends well", f"see {LOG}", " ".join(last))


def leave_mark(file: Path, mark: str) -> None:
    """Write down what something was made with."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(mark)


def _mark(stage: str, settings: Settings, before: str) -> str:
    """Return what tells apart how a stage is run: its settings, its code and what came before."""
    pipeline = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    chosen = {name: settings.get(name) for name in pipeline[stage]["params"]}
    found = hashlib.sha256((before + json.dumps(chosen, sort_keys=True)).encode())
    for dep in sorted(pipeline[stage]["deps"]):
        path = REPOSITORY / dep
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            if file.suffix == ".py" and file.is_file():
                found.update(file.read_bytes())
    return found.hexdigest()


def name_settings(settings: Settings, sections: Sequence[str]) -> str:
    """Return what folders of these sections' settings are called by."""
    chosen = {name: settings.get(name) for name in sections}
    return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:DIGITS]
