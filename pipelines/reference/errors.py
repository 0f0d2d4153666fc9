"""The page of errors: every line that a user may meet, as the code has it, by family."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from pipelines.reference.page_text import table

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("expectations", "training", "inference", "feature_repo", "pipelines")
BASE = "UserError"
OPEN = "…"
"""Stands for what is known only when the error happens."""

FAMILIES: dict[str, tuple[str, ...]] = {
    "Parameters": ("pipelines/params",),
    "Data files": ("pipelines/sources", "expectations/suites", "expectations/contracts/forgotten"),
    "Tables and artefacts": ("expectations/contracts", "pipelines/io", "pipelines/experiment"),
    "Time windows and transitions": ("training/curation",),
    "Gates": ("expectations/gates", "training/curation/leakage", "pipelines/guards"),
    "Clusters and their names": (
        "training/clusters",
        "pipelines/clusters",
        "pipelines/io/previous_tree",
    ),
    "Base model and planner": (
        "training/planner",
        "pipelines/planner",
        "training/collective",
        "training/alignment",
        "training/processes",
    ),
    "The recommender": (
        "training/recommender",
        "training/baselines",
        "pipelines/io/planner_windows",
        "pipelines/research",
    ),
    "The table": ("inference/search", "inference/table", "pipelines/table"),
    "Releases": (
        "inference/release",
        "inference/serving",
        "pipelines/release",
        "pipelines/lifecycle",
        "pipelines/commands",
        "pipelines/report",
    ),
    "Stores and events": ("inference/store", "inference/events", "pipelines/online"),
}
"""Headings of the guide's page on troubleshooting, and the code whose errors they are about."""

INTRODUCTION = """# Errors

An error that you can mend ends in one line, `error: PLACE: RULE (found: SAMPLE). Remedy: REMEDY`,
and status 2. These are all of them, made from the code; `…` stands for what is known only then.
[Troubleshooting](../guide/troubleshooting.md) says family by family what lies behind them.
"""


@dataclass(frozen=True)
class ErrorLine:
    """One error in the code: the module it is raised in, and the parts of its line."""

    module: str
    where: str
    rule: str
    remedy: str


def errors_page() -> str:
    """Return the page of all errors by family."""
    found = sorted(error_lines(), key=lambda line: (line.module, line.where, line.rule))
    parts = [INTRODUCTION]
    for family in FAMILIES:
        rows = [(e.where, e.rule, e.remedy) for e in found if family_of(e.module) == family]
        parts.append(f"## {family}\n\n{table(('Place', 'Rule', 'Remedy'), dict.fromkeys(rows))}")
    return "\n".join(parts)


def family_of(module: str) -> str | None:
    """Return the family of a module, a path without its ending: that of the longest match."""
    matching = [
        (len(prefix), family)
        for family, prefixes in FAMILIES.items()
        for prefix in prefixes
        if module == prefix or module.startswith(f"{prefix}/")
    ]
    return max(matching)[1] if matching else None


def error_lines() -> list[ErrorLine]:
    """Return every error that code of ours makes; one without a place of its own is left out."""
    sources = {
        str(file.relative_to(ROOT).with_suffix("")): ast.parse(file.read_text(encoding="utf-8"))
        for room in ROOMS
        for file in sorted((ROOT / room).rglob("*.py"))
    }
    kinds = _kinds(sources.values())
    return [line for name, tree in sources.items() for line in _lines_of(name, tree, kinds)]


def _kinds(trees: Iterable[ast.Module]) -> set[str]:
    """The names of the error types: the base and, at any depth, what is made of it."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    kinds = {BASE}
    while True:
        more = {c.name for c in classes if kinds & {ast.unparse(base) for base in c.bases}}
        if more <= kinds:
            return kinds
        kinds |= more


def _lines_of(module: str, tree: ast.Module, kinds: set[str]) -> Iterator[ErrorLine]:
    constants = _assigned(tree.body)
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    for function in functions:
        known = {**constants, **_assigned(ast.walk(function))}
        for node in ast.walk(function):
            match node:
                case ast.Call(func=func, args=[where, rule, remedy, *_]) if (
                    ast.unparse(func) in kinds
                ):
                    parts = (_text(part, known) for part in (where, rule, remedy))
                    yield ErrorLine(module, *parts)


def _assigned(nodes: Iterable[ast.AST]) -> dict[str, ast.expr]:
    return {
        target.id: node.value
        for node in nodes
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _text(node: ast.expr, known: Mapping[str, ast.expr]) -> str:
    """What an expression reads as, names looked up among what is assigned beside it."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name) if name in known:
            others = {key: value for key, value in known.items() if key != name}
            return _text(known[name], others)
        case ast.JoinedStr(values=values):
            return "".join(_text(value, known) for value in values)
        case ast.FormattedValue(value=value):
            return _text(value, known)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left, known) + _text(right, known)
        case ast.IfExp(body=body, orelse=orelse):
            return f"{_text(body, known)}; or: {_text(orelse, known)}"
        case _:
            return OPEN
