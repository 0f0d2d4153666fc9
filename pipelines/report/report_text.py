"""How figures stand in the report: with their interval, in columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from training.clusters.distance import Distance

Figures = Mapping[str, float]
"""Figures by name, as in ``metrics/``; what is not known is absent."""

DISTANCE_WORDS: Mapping[Distance, str] = {
    "adjacent": "next door",
    "new_family": "a new family",
    "new_field": "a new field",
}
"""How far a planned interest is, as people read it."""


def show_interval(figures: Figures, name: str) -> str:
    """Return a figure with its bounds where it has some, nothing where it is absent."""
    if figures.get(name) is None:
        return ""
    low, high = figures.get(f"{name}_low"), figures.get(f"{name}_high")
    beside = "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"
    return f"{figures[name]:.3f}{beside}"


def show_number(figures: Figures, name: str) -> str:
    """Return a figure alone, nothing where it is absent."""
    return f"{figures[name]:.3f}" if figures.get(name) is not None else ""


def show_columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a head and rows as lines, every column as wide as its widest cell."""
    table = [head, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
