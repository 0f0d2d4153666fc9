"""A number in capitals says what it is and where it comes from, beside it or above its group."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.house.imports import ROOT, source_files

SELF_EXPLAINED = {"SECONDS_PER_DAY"}


def is_number(node: ast.expr | None) -> bool:
    """Whether an expression is a number, or some of them."""
    match node:
        case ast.Constant(value=value):
            return isinstance(value, int | float) and not isinstance(value, bool)
        case ast.UnaryOp(operand=operand):
            return is_number(operand)
        case ast.BinOp(left=left, right=right):
            return is_number(left) and is_number(right)
        case ast.Tuple(elts=parts):
            return bool(parts) and all(map(is_number, parts))
    return False


def unexplained_in(file: Path) -> list[str]:
    """The numbers of a module with no comment, docstring or explained group around them."""
    text = (ROOT / file).read_text(encoding="utf-8")
    lines = ["", *text.splitlines(), ""]
    found = []
    for node in ast.parse(text).body:
        if not (isinstance(node, ast.Assign) and is_number(node.value)):
            continue
        first, last = node.lineno, node.end_lineno or node.lineno
        while lines[first - 1].strip() and not lines[first - 1].startswith(("import", "from")):
            first -= 1  # up to the top of its group: no blank line lies between
        while lines[last + 1].strip() and '"""' not in lines[last]:
            last += 1
        own = "#" in lines[node.end_lineno or node.lineno]
        explained = own or lines[first].startswith("#") or lines[last].startswith('"""')
        name = ast.unparse(node.targets[0])
        if not explained and name not in SELF_EXPLAINED:
            found.append(f"{file}:{node.lineno} {name}")
    return found


def test_every_number_says_where_it_comes_from() -> None:
    bare = [name for file in source_files() for name in unexplained_in(file)]
    assert not bare, "say what it is, and by what measurement, paper, limit or reason"
