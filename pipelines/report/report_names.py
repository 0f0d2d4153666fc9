"""The report's section on names: how far they can be trusted, and what would better them."""

from __future__ import annotations

import textwrap

from pipelines.report.report_text import Figures

WIDTH = 92
"""Columns of a printed line that a terminal of a hundred still shows."""
HELP = (
    "What would help: a column that says what items are about, such as genres or tags, in "
    "dataset.files.category or .text; or a language model as clusters.description.writer."
)
MIN_TRUSTED = 0.5
"""Of the traffic: the bound of the gate, below which the report says what would help."""


def show_names(figures: Figures) -> list[str]:
    """Return to how much the names of the interests apply; nothing where that is not known."""
    if "name_coverage" not in figures:
        return []
    n_clusters = int(figures["n_clusters"])
    n_example, n_unnamed = int(figures["n_named_by_example"]), int(figures["n_unnamed"])
    lines = [
        f"{figures['name_coverage']:>7.1%} of an interest's traffic has a word of its name "
        f"(lowest {figures['lowest_name_coverage']:.1%})"
    ]
    if n_example:
        lines.append(f"{n_example:>7,} of {n_clusters:,} are named by what is in them (like …)")
    if n_unnamed:
        lines.append(f"{n_unnamed:>7,} of {n_clusters:,} have no name: nothing in them is readable")
    if figures["name_coverage"] < MIN_TRUSTED or n_unnamed:
        lines += ["", *textwrap.wrap(HELP, WIDTH)]
    return lines
