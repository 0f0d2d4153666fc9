"""What hangs on the constants of the naming rules: how many names change with each.

Run from the top of the repository: `python -m benchmarks.clusters.name_settings`. The trees of the
default settings are built once; their leaves are named again with one constant a fifth lower or
higher at a time (whole numbers by one), and the names that differ from the shipped ones counted.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import inspect
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np

from benchmarks.clusters.worlds import WORLDS, JudgedWorld, read_world
from benchmarks.markdown import to_markdown
from training.clusters.config import ClusterConfig
from training.clusters.naming.describe import describe_tree
from training.clusters.representation.represent import Representation, fit_items
from training.clusters.tree.tree import ClusterTree, build_tree

RULES = (
    *("compounds", "describe", "distinction", "drafts", "evidence", "exemplars"),
    *("phrase_choice", "phrase_growth", "phrases", "surroundings", "terms"),
)
PART = 0.2
FIXED = {"LONGEST_PHRASE"}  # the columns of the words are laid out by it


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", nargs="+", default=list(WORLDS), choices=list(WORLDS))
    arguments = parser.parse_args()
    rows: list[tuple[object, ...]] = []
    for name in arguments.worlds:
        with tempfile.TemporaryDirectory() as folder:
            world = read_world(name, 0, Path(folder))
            for row in measure(world):
                print(name, row, file=sys.stderr, flush=True)
                rows.append((name, *row))
    print(to_markdown(("world", "rule", "constant", "shipped", "lower", "higher"), rows, 3))


def measure(world: JudgedWorld) -> Iterator[tuple[str, str, float, int, int]]:
    """Yield each constant and how many leaf names change where it is lower, and higher."""
    config = ClusterConfig()
    since, _ = world.held_out(is_test=True)
    rng = np.random.default_rng(0)
    _, found = fit_items(world.items, world.interactions, since, config.representation, rng)
    tree = build_tree(found, config, rng)
    shipped = name_leaves(world, tree, found, config)
    for module in RULES:
        for constant, value in constants_of(_module(module)).items():
            changed = []
            for other in neighbours_of(value):
                with changed_to(constant, value, other):
                    names = name_leaves(world, tree, found, config)
                changed.append(sum(a != b for a, b in zip(names, shipped, strict=True)))
            lower, higher = changed
            yield module, constant, value, lower, higher


def name_leaves(
    world: JudgedWorld, tree: ClusterTree, found: Representation, config: ClusterConfig
) -> list[str]:
    """Return the names of the finest level."""
    return [name.text for name in describe_tree(world.items, tree, found, config)[-1]]


def neighbours_of(value: float) -> tuple[float, float]:
    """Return a fifth less and more; of a whole number one less and one more, if that is more."""
    if isinstance(value, int):
        step = max(1, round(PART * value))
        return value - step, value + step
    return value * (1 - PART), value * (1 + PART)


def constants_of(module: ModuleType) -> Mapping[str, float]:
    """Return the numbers that a module names in capitals at its top."""
    names = {
        target.id
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id.isupper()
    }
    found = {name: getattr(module, name) for name in sorted(names)}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, int | float) and name not in FIXED
    }


@contextmanager
def changed_to(constant: str, value: float, other: float) -> Iterator[None]:
    """Give a constant another value in every module of the rules that knows it."""
    modules = [module for module in map(_module, RULES) if getattr(module, constant, None) == value]
    for module in modules:
        setattr(module, constant, other)
    try:
        yield
    finally:
        for module in modules:
            setattr(module, constant, value)


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"training.clusters.naming.{name}")


if __name__ == "__main__":
    main()
