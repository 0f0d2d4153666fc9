"""``dvc.yaml`` is complete: an edit to any code, setting or file a stage uses makes it stale."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.io import params, paths
from tests.house.imports import ROOT, closure_of, is_only_a_docstring

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


def stage_file(name: str) -> Path:
    """The file that a stage's command runs."""
    return Path("pipelines", "stages", f"{name}.py")


def strings_of(name: str, *kinds: str) -> list[str]:
    """The paths under these kinds of entry (deps, outs, metrics), options stripped."""
    entries = [entry for kind in kinds for entry in STAGES[name].get(kind, [])]
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


def is_covered(path: Path, by: list[str]) -> bool:
    """Whether a path is named, or lies below a folder that is named."""
    return any(path == Path(entry) or Path(entry) in path.parents for entry in by)


def sections_read_in(files: frozenset[Path]) -> set[str]:
    """The sections of ``params.yaml`` that a set of files reads."""
    found = set()
    for file in files:
        for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "read_params":
                assert isinstance(node.args[0], ast.Constant), f"{file}: name the section literally"
                found.add(str(node.args[0].value))
    return found


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
    code = {f for f in closure_of(stage_file(name)) if not is_only_a_docstring(f)}
    deps = strings_of(name, "deps")
    missing = sorted(str(file) for file in code if not is_covered(file, deps))
    assert not missing, f"add to the deps of {name}: {missing}"


@pytest.mark.parametrize("name", EXPECTED)
def test_no_code_dep_is_idle(name: str) -> None:
    code = closure_of(stage_file(name))
    rooms = ("expectations", "training", "inference", "feature_repo", "pipelines")
    deps = [dep for dep in strings_of(name, "deps") if Path(dep).parts[0] in rooms]
    idle = [dep for dep in deps if not any(is_covered(file, [dep]) for file in code)]
    assert not idle, f"{name} does not import {idle}"


@pytest.mark.parametrize("name", EXPECTED)
def test_params_are_exactly_the_sections_read(name: str) -> None:
    assert set(STAGES[name].get("params", [])) == sections_read_in(closure_of(stage_file(name)))


@pytest.mark.parametrize("name", EXPECTED)
def test_every_artefact_a_stage_names_is_a_dep_or_an_out(name: str) -> None:
    known = strings_of(name, "deps", "outs", "metrics", "plots")
    unknown = [str(p) for p in paths_named_in(stage_file(name)) if not is_covered(p, known)]
    assert not unknown, f"{name} uses {unknown} without saying so in dvc.yaml"


def test_every_artefact_has_one_writer() -> None:
    outs = [out for name in STAGES for out in strings_of(name, "outs", "metrics", "plots")]
    assert len(outs) == len(set(outs))


def test_the_shipped_params_name_only_known_sections() -> None:
    shipped = yaml.safe_load((ROOT / "params.yaml").read_text())
    assert set(shipped) <= set(params.SECTIONS)
