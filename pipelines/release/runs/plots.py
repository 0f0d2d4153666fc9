"""The plots of `dvc.yaml` as pictures: MLflow's pages show pictures, and of a CSV only its table.

What is drawn, and how, is said once, in the section `plots` of `dvc.yaml`; `dvc plots show` draws
the same on a page of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl
import yaml
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipelines.io.paths import PIPELINE_FILE

BARS = "bars_from_zero"
"""Our template: one bar a row, its length in the column `x`, its name in the column of `y`."""
SCATTER = "scatter"
WIDTH, HEIGHT = 8.0, 4.5
COLOURS, N_COLOURS = colormaps["tab20"], 20
"""As many as there are contenders."""
ROW_HEIGHT = 0.22
"""Inches, of a bar."""


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
    is_one = plot.template != BARS and len(columns) == 1
    axes = figure.add_subplot(title=plot.title, xlabel=plot.x, ylabel=columns[0] * is_one)
    axes.set_prop_cycle(color=[COLOURS(number) for number in range(N_COLOURS)])
    for file, frame in frames.items():
        for column in plot.y[file]:
            if plot.template == BARS:
                axes.barh(frame[column].cast(pl.String).to_list(), frame[plot.x].to_list())
                axes.invert_yaxis()  # the first row on top, as in the file
            else:
                _draw_series(axes, frame, plot.x, column, "o" if plot.template == SCATTER else "-")
    if axes.get_legend_handles_labels()[1]:
        figure.legend(loc="outside right upper", fontsize="small")
    return figure


def _draw_series(axes: Axes, frame: pl.DataFrame, x: str, column: str, style: str) -> None:
    """Draw a column, in parts where another column names what each row belongs to."""
    names = [n for n, kind in frame.schema.items() if kind == pl.String and n not in (x, column)]
    parts = frame.group_by(names[0], maintain_order=True) if names else [((column,), frame)]
    for (label, *_), part in parts:
        heights = part[column].cast(pl.Float64).to_numpy()  # null becomes NaN: a gap
        axes.plot(part[x].to_list(), heights, style, label=str(label))
