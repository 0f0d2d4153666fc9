"""The plots of `dvc.yaml` as pictures: MLflow's pages show pictures, and of a CSV only its table.

What is drawn, and how, is said once, in the section `plots` of `dvc.yaml`; `dvc plots show` draws
the same on a page of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import yaml
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipelines.io.paths import PIPELINE_FILE

BARS = "bars_from_zero"
"""Our template: one bar a row, its length in the column `x`, its name in the column of `y`."""
ROWS = "rows_with_intervals"
"""Ours: one row a name in the column of `y`, a point with its interval in the column `x`."""
POINTS, LINES = "points_with_intervals", "lines_with_intervals"
"""Ours: as `scatter` and `linear`, with intervals where the file has the columns for them."""
SCATTER = "scatter"
LOW, HIGH = "_low", "_high"
"""What ends the names of the columns with a figure's interval."""
WIDTH, HEIGHT = 8.0, 4.5
COLOURS, N_COLOURS = colormaps["tab20"], 20
"""As many as there are contenders."""
ROW_HEIGHT = 0.22
"""Inches, of a bar."""
ROW_STEP = 0.15
"""Of a row, between the points of two kinds in it."""


class Plot(NamedTuple):
    """One entry of the section `plots`.

    Attributes:
        title: what it shows.
        template: by which DVC draws it.
        x: column of the horizontal axis.
        y: of each file, the columns that are drawn.
    """

    title: str
    template: str
    x: str
    y: dict[Path, list[str]]

    @property
    def file_name(self) -> str:
        """A name for the picture, from the title."""
        return re.sub(r"[^a-z0-9]+", "_", self.title.lower()).strip("_") + ".png"


def list_plots(root: Path = Path()) -> list[Plot]:
    """Return the plots that the pipeline of the tree at ``root`` names."""
    file = root / PIPELINE_FILE
    content = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return [
        Plot(title, entry["template"], entry["x"], {Path(k): v for k, v in entry["y"].items()})
        for named in content.get("plots", [])
        for title, entry in named.items()
    ]


def draw_plots(root: Path = Path()) -> Iterator[tuple[str, Figure]]:
    """Yield file name and picture of each plot whose files the tree at ``root`` has."""
    for plot in list_plots(root):
        frames = {file: root / file for file in plot.y if (root / file).is_file()}
        if frames:
            yield plot.file_name, _draw(plot, {k: pl.read_csv(v) for k, v in frames.items()})


def _draw(plot: Plot, frames: dict[Path, pl.DataFrame]) -> Figure:
    rows = max(len(frame) for frame in frames.values()) if plot.template == BARS else 0
    figure = Figure(figsize=(WIDTH, max(HEIGHT, ROW_HEIGHT * rows)), layout="constrained")
    columns = [column for drawn in plot.y.values() for column in drawn]
    is_one = plot.template not in (BARS, ROWS) and len(columns) == 1
    axes = figure.add_subplot(title=plot.title, xlabel=plot.x, ylabel=columns[0] * is_one)
    axes.set_prop_cycle(color=[COLOURS(number) for number in range(N_COLOURS)])
    for file, frame in frames.items():
        for column in plot.y[file]:
            if plot.template == BARS:
                axes.barh(frame[column].cast(pl.String).to_list(), frame[plot.x].to_list())
                axes.invert_yaxis()  # the first row on top, as in the file
            elif plot.template == ROWS:
                draw_rows(axes, frame, plot.x, column)
            else:
                is_scattered = plot.template in (SCATTER, POINTS)
                draw_series(axes, frame, plot.x, column, "o" if is_scattered else "-")
    if axes.get_legend_handles_labels()[1]:
        figure.legend(loc="outside right upper", fontsize="small")
    return figure


def draw_series(axes: Axes, frame: pl.DataFrame, x: str, column: str, style: str) -> None:
    """Draw a column, in parts where another column names what each row belongs to.

    Intervals are drawn where the frame has them, in columns of the same name with an ending.
    """
    names = [n for n, kind in frame.schema.items() if kind == pl.String and n not in (x, column)]
    parts = frame.group_by(names[0], maintain_order=True) if names else [((column,), frame)]
    for (label, *_), part in parts:
        heights = part[column].cast(pl.Float64).to_numpy()  # null becomes NaN: a gap
        (line,) = axes.plot(part[x].to_list(), heights, style, label=str(label))
        across, upwards = _reach(part, x), _reach(part, column)
        if across is not None or upwards is not None:
            x_values, colour = part[x].to_list(), line.get_color()
            axes.errorbar(x_values, heights, upwards, across, fmt="none", color=colour, alpha=0.5)


def draw_rows(axes: Axes, frame: pl.DataFrame, x: str, column: str) -> None:
    """Draw a row for each name in the column, with a point for each kind of figure, and zero.

    Args:
        axes: to draw on.
        frame: has beside ``x``, with its interval, and ``column`` one that names the kind.
        x: column of the values.
        column: of the names.
    """
    names = frame[column].unique(maintain_order=True).to_list()
    kinds = [n for n, kind in frame.schema.items() if kind == pl.String and n != column]
    parts = list(frame.group_by(kinds[0], maintain_order=True))
    for number, ((label,), part) in enumerate(parts):
        shift = (number - (len(parts) - 1) / 2) * ROW_STEP
        heights = [names.index(name) + shift for name in part[column]]
        axes.errorbar(part[x].to_list(), heights, None, _reach(part, x), "o", label=str(label))
    axes.axvline(0, color="grey", linewidth=1)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)  # the first row on top, as in the file


def _reach(frame: pl.DataFrame, column: str) -> np.ndarray | None:
    """Return how far a figure's interval reaches below and above it, [2, rows], if it has one."""
    if f"{column}{LOW}" not in frame.columns:
        return None
    middle, low, high = (
        frame[f"{column}{end}"].cast(pl.Float64).to_numpy() for end in ("", LOW, HIGH)
    )
    return np.asarray(np.maximum(np.stack([middle - low, high - middle]), 0))
