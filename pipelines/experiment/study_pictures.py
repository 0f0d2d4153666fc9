"""The study as pictures, a panel for each world: what a reader looks at before any table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import polars as pl
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from inference.experiment.config import ArmName
from inference.experiment.plot_tables import tabulate_axes, tabulate_lift, tabulate_uci
from inference.experiment.study.config import WorldName
from pipelines.release.runs.plots import draw_rows, draw_series

PANEL_WIDTH, PANEL_HEIGHT = 3.6, 3.4
"""Inches, of a world's panel."""
LEGEND_WIDTH = 1.8
"""Inches, beside the panels."""
FOLLOWED = ("novel_share_of_shown", "positive_rate_of_novel", "uci_at_10", "positives_per_user")
"""The study's headlines: followed over the rounds, a row of panels each, and lifted."""
COLOURS = colormaps["tab20"]
"""An arm has the same colour in every picture: its place among the arms there are."""

Drawer = Callable[[Axes, WorldName], None]


def draw_study(
    figures: Mapping[str, float],
    rounds: pl.DataFrame,
    worlds: Sequence[WorldName],
    arms: Sequence[ArmName],
) -> Iterator[tuple[str, Figure]]:
    """Yield file name and picture: both axes, clusters reached, the way there, lift on control.

    Args:
        figures: of the study, prefixed by world and arm.
        rounds: what had come up to the end of each round, by world and arm.
        worlds: that were simulated.
        arms: that took part in all of them.
    """

    def of(world: WorldName) -> dict[str, float]:
        prefix = f"{world}_"
        return {k.removeprefix(prefix): v for k, v in figures.items() if k.startswith(prefix)}

    def both_axes(axes: Axes, world: WorldName) -> None:
        table = tabulate_axes(of(world), arms)
        draw_series(axes, table, "novel_share_of_shown", "positive_rate_of_novel", "o")
        axes.set(xlabel="novel share of what is shown", ylabel="share of the novel that is liked")

    def reached(axes: Axes, world: WorldName) -> None:
        draw_series(axes, tabulate_uci(of(world), arms), "unique_clusters", "share_of_users", "o-")
        axes.set(xlabel="unique clusters consumed, at least", ylabel="share of the people")

    def lifted(axes: Axes, world: WorldName) -> None:
        draw_rows(axes, tabulate_lift(of(world), arms, FOLLOWED), "lift_percent", "arm")
        axes.set(xlabel="lift on the control, percent")

    def followed(name: str) -> Drawer:
        def draw(axes: Axes, world: WorldName) -> None:
            table = rounds.filter(pl.col("world") == str(world)).select("arm", "round", name)
            draw_series(axes, table, "round", name, "-")
            axes.set(xlabel="round", ylabel=name.replace("_", " "))

        return draw

    yield "novelty_and_liking.png", _panels(worlds, [both_axes])
    yield "clusters_reached.png", _panels(worlds, [reached])
    yield "over_rounds.png", _panels(worlds, [followed(name) for name in FOLLOWED])
    yield "lift_on_control.png", _panels(worlds, [lifted])


def _panels(worlds: Sequence[WorldName], drawers: Sequence[Drawer]) -> Figure:
    """Return a picture with a column for each world, a row for each drawer, and one legend."""
    width = PANEL_WIDTH * len(worlds) + LEGEND_WIDTH
    figure = Figure(figsize=(width, PANEL_HEIGHT * len(drawers)), layout="constrained")
    panels = figure.subplots(len(drawers), len(worlds), squeeze=False, sharey="row")
    for row, drawer in zip(panels, drawers, strict=True):
        for axes, world in zip(row, worlds, strict=True):
            axes.set_prop_cycle(color=[COLOURS(number) for number in range(COLOURS.N)])
            drawer(axes, world)
            axes.label_outer()
    for axes, world in zip(panels[0], worlds, strict=True):
        axes.set_title(str(world))
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper", fontsize="small")
    return figure
