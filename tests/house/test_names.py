"""One public name, one meaning: what two packages both define is two things under one word."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from tests.house.imports import ROOT, source_files

SHARED = {
    "command": "the work of a command of explorer; only the application asks for it, by module",
    "main": "where a stage, a command or a benchmark begins; asked for by no other module",
    "run": "what a runner does, never called without its name: stage.run, app.run",
}
"""Names that stand in several packages, and why they may."""


def public_names(file: Path) -> list[str]:
    """The classes and functions that a module defines, but for those with an underscore."""
    defined = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    body = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    return [node.name for node in body if isinstance(node, defined) and node.name[0] != "_"]


def packages_of_names(files: Iterable[Path]) -> dict[str, set[Path]]:
    """The packages that define each public name."""
    packages: dict[str, set[Path]] = defaultdict(set)
    for file in files:
        for name in public_names(file):
            packages[name].add(file.parent)
    return packages


def test_no_two_packages_define_the_same_public_name() -> None:
    twice = {
        name: sorted(map(str, packages))
        for name, packages in packages_of_names(source_files()).items()
        if len(packages) > 1 and name not in SHARED
    }
    assert not twice


def test_a_benchmark_defines_no_public_name_of_the_house() -> None:
    # Scripts of their own: one may call a function as another does, none as the house does.
    benchmarks = (file.relative_to(ROOT) for file in sorted((ROOT / "benchmarks").rglob("*.py")))
    ours, theirs = packages_of_names(source_files()), packages_of_names(benchmarks)
    assert not {name: ours[name] for name in theirs if name in ours and name not in SHARED}


def test_names_that_may_be_shared_are_shared() -> None:
    packages = packages_of_names(source_files())
    assert all(len(packages[name]) > 1 for name in SHARED)
