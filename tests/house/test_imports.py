"""Imports run one way only, and never in a circle."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.house.imports import (
    ROOMS,
    ROOT,
    closure_of,
    face_of,
    folders,
    imports_of,
    libraries_of,
    source_files,
)

MOST_FILES = 20
"""In one folder; more of them nobody reads as a list."""


ALLOWED = {
    "expectations/contracts": {"expectations/contracts"},
    "expectations/gates": {"expectations/contracts", "expectations/gates"},
    "expectations/suites": {"expectations/contracts", "expectations/gates", "expectations/suites"},
    "training": {"expectations/contracts", "training"},
    "inference": {"expectations/contracts", "training", "inference"},
    "feature_repo": {"expectations/contracts", "feature_repo"},
    "pipelines": {
        "expectations/contracts",
        "expectations/suites",
        "expectations/gates",
        "training",
        "inference",
        "feature_repo",
        "pipelines",
    },
}
FORBIDDEN_LIBRARIES = {
    "expectations/contracts": {
        "great_expectations",
        "polars",
        "pandas",
        "torch",
        "feast",
        "mlflow",
    },
    "training": {"mlflow", "feast", "great_expectations", "dvc"},
    "inference": {"great_expectations", "dvc"},
    "feature_repo": {"mlflow", "great_expectations", "torch", "polars"},
    "pipelines": {"great_expectations"},
}


def room_of(file: Path) -> str:
    """The room a file belongs to; each part of ``expectations`` is a room of its own."""
    return "/".join(file.parts[:2]) if file.parts[0] == "expectations" else file.parts[0]


@pytest.mark.parametrize("file", source_files(), ids=str)
def test_a_file_imports_only_rooms_below_its_own(file: Path) -> None:
    allowed = ALLOWED.get(room_of(file), set())
    beyond = {
        str(found)
        for found in imports_of(file)
        if room_of(found) not in allowed and found.name != "__init__.py"
    }
    assert not beyond, f"{file} reaches {sorted(beyond)}"


@pytest.mark.parametrize("file", source_files(), ids=str)
def test_a_file_imports_no_library_its_room_must_not_know(file: Path) -> None:
    libraries = libraries_of((ROOT / file).read_text(encoding="utf-8"))
    assert not libraries & FORBIDDEN_LIBRARIES.get(room_of(file), set())


def test_no_file_imports_itself_by_a_circle() -> None:
    circles = [
        str(file)
        for file in source_files()
        if any(file in closure_of(other) for other in imports_of(file))
    ]
    assert not circles


def test_no_folder_imports_itself_by_a_circle() -> None:
    code = [file for file in source_files() if file.name != "__init__.py"]
    reached: dict[Path, set[Path]] = {file.parent: set() for file in code}
    for file in code:
        found = {other.parent for other in imports_of(file) if other.name != "__init__.py"}
        reached[file.parent] |= found - {file.parent}
    for through in reached:  # Warshall's closure
        for folder, found in reached.items():
            if through in found:
                reached[folder] = found | reached[through]
    assert not [str(folder) for folder, found in reached.items() if folder in found]


@pytest.mark.parametrize("folder", folders(*ROOMS, "tests", "benchmarks"), ids=str)
def test_a_folder_says_what_belongs_there_and_is_not_crowded(folder: Path) -> None:
    assert face_of(folder), f"{folder}/__init__.py says in one line what belongs there"
    crowd = [path for path in (ROOT / folder).glob("*.*") if path.name != "__init__.py"]
    assert len(crowd) <= MOST_FILES, f"{folder} has {len(crowd)} files"


def test_every_room_stands_and_no_file_is_a_drawer_for_odds_and_ends() -> None:
    assert all((ROOT / room / "__init__.py").is_file() for room in ROOMS)
    drawers = {"utils.py", "common.py", "helpers.py", "misc.py"}
    assert not [file for file in source_files() if file.name in drawers]


def test_contracts_stay_light() -> None:
    libraries: set[str] = set()
    for file in source_files():
        if room_of(file) == "expectations/contracts":
            libraries |= libraries_of((ROOT / file).read_text(encoding="utf-8"))
    assert libraries - set(sys.stdlib_module_names) <= {"pyarrow", "expectations"}
