"""``dvc.yaml`` is complete: an edit to any code, setting or file a stage uses makes it stale."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.io import paths
from pipelines.params.params import Params
from tests.house.imports import ROOT, closure_of, imports_of, is_only_a_docstring
from tests.house.params_read import keys_read_in, leaves_of, models_of_keys

STAGES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
EXPECTED = (
    "ingest",
    "clusters",
    "histories",
    "curate",
    "collective",
    "base_model",
    "planner",
    "recommender",
    "table",
    "alignment",
    "evaluate",
    "evaluate_recommender",
    "experiment",
    "release",
)


ROUTER = Path("pipelines/params/params.py")
"""Knows every section. Of those that a stage does not read nothing reaches it."""
WORDS_ONLY = {
    Path("expectations/contracts/errors.py"),
    Path("pipelines/io/failures.py"),
    Path("pipelines/params/moved_keys.py"),
}
"""Decide what a stage says when it fails; one that fails leaves nothing."""
CHANGE_NO_OUT = ("table_run",)
"""Sections of how something is made, not of what."""
ALL_KEYS = leaves_of(Params)


def stage_file(name: str) -> Path:
    """The file that a stage's command runs."""
    return Path("pipelines", "stages", f"{name}.py")


def code_of(name: str) -> set[Path]:
    """All code that what a stage leaves depends on: what it imports, and what its params are."""
    seen: set[Path] = set()
    waiting = [stage_file(name), *models_of_keys(keys_read_in(stage_file(name)))]
    while waiting:
        file = waiting.pop()
        if file not in seen:
            seen.add(file)
            waiting.extend(imports_of(file) if file != ROUTER else ())
    return {file for file in seen - WORDS_ONLY if not is_only_a_docstring(file)}


def strings_of(name: str, *kinds: str) -> list[str]:
    """The paths under these kinds of entry (deps, outs, metrics), options stripped."""
    entries = [entry for kind in kinds for entry in STAGES[name].get(kind, [])]
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


def is_covered(path: Path, by: list[str]) -> bool:
    """Whether a path is named, or lies below a folder that is named."""
    return any(path == Path(entry) or Path(entry) in path.parents for entry in by)


READERS = {Path("pipelines/io") / name for name in ("clusters_reader.py", "planner_windows.py")}
"""What reads artefacts for several stages, apart from their own files."""


def paths_named_in(file: Path) -> set[Path]:
    """The artefact paths that a stage's own file names, or a reader that it imports."""
    files = {file, *(READERS & closure_of(file))}
    source = "\n".join((ROOT / each).read_text(encoding="utf-8") for each in files)
    names = set(re.findall(r"paths\.([A-Z_]+)", source))
    found = {getattr(paths, name) for name in names}
    found |= {paths.metrics_of(c) for c in re.findall(r'metrics_of\("(\w+)"\)', source)}
    found |= {paths.gates_of(s) for s in re.findall(r'gates_of\("(\w+)"\)', source)}
    found |= {paths.plots_of(s) for s in re.findall(r'plots_of\("(\w+)"\)', source)}
    return {path for path in found if paths.VAR not in path.parents and path != paths.VAR}


def test_the_stages_are_those_of_the_design() -> None:
    assert tuple(STAGES) == EXPECTED
    for name, stage in STAGES.items():
        assert stage["cmd"] == f"python -m pipelines.stages.{name}"
        assert stage["desc"]


@pytest.mark.parametrize("name", EXPECTED)
def test_code_deps_cover_the_import_closure(name: str) -> None:
    code = code_of(name)
    deps = strings_of(name, "deps")
    missing = sorted(str(file) for file in code if not is_covered(file, deps))
    assert not missing, f"add to the deps of {name}: {missing}"


@pytest.mark.parametrize("name", EXPECTED)
def test_no_code_dep_is_idle(name: str) -> None:
    code = code_of(name)
    rooms = ("expectations", "training", "inference", "feature_repo", "pipelines")
    deps = [dep for dep in strings_of(name, "deps") if Path(dep).parts[0] in rooms]
    needless = [dep for dep in deps if any(is_covered(file, [dep]) for file in WORDS_ONLY)]
    assert not needless, f"{name}: {needless} changes no out"
    idle = [dep for dep in deps if not any(is_covered(file, [dep]) for file in code)]
    assert not idle, f"{name} does not import {idle}"


@pytest.mark.parametrize("name", EXPECTED)
def test_params_are_exactly_the_keys_read(name: str) -> None:
    read = {key for key in keys_read_in(stage_file(name)) if key.split(".")[0] not in CHANGE_NO_OUT}
    entries = STAGES[name].get("params", [])
    below = {key for entry in entries for key in ALL_KEYS if f"{key}.".startswith(f"{entry}.")}
    assert below == read
    absent = [entry for entry in entries if not is_shipped(entry)]
    assert not absent, f"DVC refuses what params.yaml does not hold: {absent}"


@pytest.mark.parametrize("name", EXPECTED)
def test_settings_come_by_params_alone(name: str) -> None:
    readers = {file for file in closure_of(stage_file(name)) if ROUTER in imports_of(file)}
    assert readers == {stage_file(name)}


@pytest.mark.parametrize(
    ("key", "stages"),
    [
        ("gates.clusters.max_traffic_balance", {"clusters"}),
        ("gates.promotion.max_worsening", set()),
        ("gates.table.min_coverage_at_5", {"table", "evaluate"}),
        ("planner.max_steps", {"planner"}),
        ("planner.embedded.steps", {"base_model", "planner"}),
        ("table_run.workers", set()),
        ("serving.port", set()),
    ],
)
def test_a_key_makes_stale_what_reads_it(key: str, stages: set[str]) -> None:
    assert key in ALL_KEYS
    reads = {name: STAGES[name].get("params", []) for name in EXPECTED}
    found = {n for n in EXPECTED if any(f"{key}.".startswith(f"{entry}.") for entry in reads[n])}
    assert found == stages


def is_shipped(key: str) -> bool:
    """Whether params.yaml holds a key or section."""
    found: Any = yaml.safe_load((ROOT / "params.yaml").read_text())
    for part in key.split("."):
        if part not in found:
            return False
        found = found[part]
    return True


@pytest.mark.parametrize("name", EXPECTED)
def test_every_artefact_a_stage_names_is_a_dep_or_an_out(name: str) -> None:
    known = strings_of(name, "deps", "outs", "metrics", "plots")
    unknown = [str(p) for p in paths_named_in(stage_file(name)) if not is_covered(p, known)]
    assert not unknown, f"{name} uses {unknown} without saying so in dvc.yaml"


def test_every_artefact_has_one_writer() -> None:
    outs = [out for name in STAGES for out in strings_of(name, "outs", "metrics", "plots")]
    assert len(outs) == len(set(outs))
