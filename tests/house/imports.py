"""Reads the imports of this repository from its source, without running any of it."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("expectations", "training", "inference", "feature_repo", "pipelines")


def source_files() -> list[Path]:
    """Every Python file of the five rooms, relative to the top."""
    found = (path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    return sorted(path.relative_to(ROOT) for path in found)


@cache
def imports_of(file: Path) -> frozenset[Path]:
    """The files of ours that ``file`` imports directly, at any depth of its code."""
    found: set[Path] = set()
    for name in imported_names((ROOT / file).read_text(encoding="utf-8")):
        found |= _files_of(name)
    return frozenset(found - {file})


def imported_names(source: str) -> set[str]:
    """Every dotted name that some source imports: modules, and what is taken from them."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def libraries_of(source: str) -> set[str]:
    """The top modules that some source imports, Python's own and ours included."""
    return {name.split(".")[0] for name in imported_names(source)}


@cache
def closure_of(file: Path) -> frozenset[Path]:
    """``file`` and everything of ours it imports, directly or not."""
    seen: set[Path] = set()
    waiting = [file]
    while waiting:
        current = waiting.pop()
        if current not in seen:
            seen.add(current)
            waiting.extend(imports_of(current))
    return frozenset(seen)


@cache
def is_only_a_docstring(file: Path) -> bool:
    """Whether a file holds no code: a package's face."""
    body = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    return all(isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant) for n in body)


def folders(*rooms: str) -> list[Path]:
    """Every folder of code in some rooms, the rooms themselves included, relative to the top."""
    files = (path for room in rooms for path in (ROOT / room).rglob("*.py"))
    return sorted({path.parent.relative_to(ROOT) for path in files})


def face_of(folder: Path) -> str:
    """The first line of what a folder's ``__init__`` says; empty without one."""
    face = ROOT / folder / "__init__.py"
    said = ast.get_docstring(ast.parse(face.read_text(encoding="utf-8"))) if face.is_file() else ""
    return (said or "").split("\n")[0]


def _files_of(module: str) -> set[Path]:
    """A module's own file and the faces of the packages above it; nothing for foreign modules."""
    parts = module.split(".")
    if parts[0] not in ROOMS:
        return set()
    found = {Path(*parts[:end], "__init__.py") for end in range(1, len(parts) + 1)}
    found.add(Path(*parts).with_suffix(".py"))
    return {path for path in found if (ROOT / path).is_file()}
