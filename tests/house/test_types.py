"""Types say what crosses a room's border: no signature takes or gives ``Any``."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.house.imports import ROOT, source_files

UNTYPED_BY_THE_LIBRARY = {
    Path("training/recommender/fitting/shared_softmax.py"),  # torch's context of an own function
    Path("inference/search/tree_attention.py"),  # whatever transformers hands an attention
    Path("pipelines/reference/commands.py"),  # click's commands, which typer hides
}


def annotations_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    """What a function says of what it takes and gives."""
    taken = function.args
    args = [*taken.posonlyargs, *taken.args, *taken.kwonlyargs, taken.vararg, taken.kwarg]
    given = [function.returns, *(arg.annotation for arg in args if arg is not None)]
    return [annotation for annotation in given if annotation is not None]


def names_in(annotation: ast.expr) -> set[str]:
    """The names that an annotation is made of."""
    return {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)}


def test_no_signature_takes_or_gives_any() -> None:
    loose = [
        f"{file}:{node.lineno} {node.name}"
        for file in source_files()
        if file not in UNTYPED_BY_THE_LIBRARY
        for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if any("Any" in names_in(found) for found in annotations_of(node))
    ]
    assert not loose, "say what it is: a dataclass, a library's type, or object"
