"""Writes what was measured as a table that goes into the documents as it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def to_markdown(names: Sequence[str], rows: Iterable[Sequence[object]], n_texts: int = 1) -> str:
    """Return a Markdown table: the first ``n_texts`` columns are text, the others numbers."""
    rules = ["---" if column < n_texts else "---:" for column in range(len(names))]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in (names, rules, *rows))
