"""Tables and cells in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a cell may hold any text on one line."""
    lines = [header, ["---"] * len(header), *([cell(text) for text in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def cell(text: str) -> str:
    """Return text as it may stand in a cell: one line, bars escaped, code marked once."""
    return " ".join(text.split()).replace("``", "`").replace("|", "\\|")


def code(text: str) -> str:
    """Return text as code."""
    return f"`{text}`" if text else ""


def summary(docstring: str | None) -> str:
    """Return the first sentence or line of a docstring, code marked as Markdown does."""
    return (docstring or "").split("\n\n")[0].replace("\n", " ").replace("``", "`").strip()
