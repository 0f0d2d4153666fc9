"""The plots of `dvc.yaml` become pictures, each with what its file holds."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import yaml
from matplotlib.collections import LineCollection

from pipelines.release.runs.plots import (
    BARS,
    LINES,
    POINTS,
    ROWS,
    SCATTER,
    draw_plots,
    list_plots,
)
from tests.worlds.online.serving import REPOSITORY

CURVE = "artifacts/planner/curve.csv"
ARMS = "artifacts/plots/experiment/arms.csv"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    plots = [
        {"Loss & more": {"template": "linear", "x": "step", "y": {CURVE: ["train", "validation"]}}},
        {"By arm": {"template": SCATTER, "x": "share", "y": {ARMS: ["rate"]}}},
        {"Bars": {"template": BARS, "x": "share", "y": {ARMS: ["arm"]}}},
        {"Not built yet": {"template": "linear", "x": "a", "y": {"absent.csv": ["b"]}}},
    ]
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"plots": plots}), encoding="utf-8")
    for name, text in (
        (CURVE, "step,train,validation\n1,3.0,\n2,2.5,2.75\n"),
        (ARMS, "arm,share,rate\nours,0.5,0.25\nchance,0.75,0.125\n"),
    ):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_pictures_hold_what_the_files_hold(root: Path) -> None:
    drawn = dict(draw_plots(root))
    assert list(drawn) == ["loss_more.png", "by_arm.png", "bars.png"]
    train, validation = drawn["loss_more.png"].axes[0].get_lines()
    assert train.get_label() == "train"
    np.testing.assert_array_equal(train.get_xydata(), [[1, 3.0], [2, 2.5]])
    np.testing.assert_array_equal(validation.get_ydata(), [np.nan, 2.75])  # an empty cell is a gap
    points = {line.get_label(): line.get_xydata() for line in drawn["by_arm.png"].axes[0].lines}
    np.testing.assert_array_equal(points["ours"], [[0.5, 0.25]])
    np.testing.assert_array_equal(points["chance"], [[0.75, 0.125]])
    bars = drawn["bars.png"].axes[0]
    assert [bar.get_bbox().width for bar in bars.patches] == [0.5, 0.75]  # type: ignore[attr-defined]
    assert [label.get_text() for label in bars.get_yticklabels()] == ["ours", "chance"]
    stream = BytesIO()
    drawn["bars.png"].savefig(stream, format="png")
    assert stream.getvalue().startswith(b"\x89PNG")


def test_a_tree_without_plots_has_no_pictures(tmp_path: Path) -> None:
    assert list(draw_plots(tmp_path)) == []


def test_every_plot_of_the_pipeline_is_drawn_in_a_way_that_is_known() -> None:
    plots = list_plots(REPOSITORY)
    known = {"linear", SCATTER, BARS, POINTS, LINES, ROWS}
    assert {plot.template for plot in plots} == known
    assert len({plot.file_name for plot in plots}) == len(plots) > 10


def test_intervals_are_drawn_where_the_file_has_them(tmp_path: Path) -> None:
    plots = [
        {"Both": {"template": POINTS, "x": "share", "y": {ARMS: ["rate"]}}},
        {"One": {"template": LINES, "x": "share", "y": {ARMS: ["rate"]}}},
        {"Rows": {"template": ROWS, "x": "lift", "y": {"lift.csv": ["arm"]}}},
    ]
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"plots": plots}), encoding="utf-8")
    (tmp_path / ARMS).parent.mkdir(parents=True)
    text = "arm,share,rate,rate_low,rate_high\nours,0.5,0.25,0.125,0.5\nchance,0.75,0.5,0.25,1.0\n"
    (tmp_path / ARMS).write_text(text, encoding="utf-8")
    text = "figure,arm,lift,lift_low,lift_high\na,ours,2,1,4\na,chance,0,-1,1\nb,ours,3,3,5\n"
    (tmp_path / "lift.csv").write_text(text, encoding="utf-8")
    drawn = dict(draw_plots(tmp_path))
    for name in ("both.png", "one.png"):
        bars = [bar for bar in drawn[name].axes[0].collections if isinstance(bar, LineCollection)]
        ends = [segment.tolist() for bar in bars for segment in bar.get_segments()]
        assert ends == [[[0.5, 0.125], [0.5, 0.5]], [[0.75, 0.25], [0.75, 1.0]]], name
    axes = drawn["rows.png"].axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["ours", "chance"]
    bars = [bar for bar in axes.collections if isinstance(bar, LineCollection)]
    ends = [[x for x, _ in segment.tolist()] for bar in bars for segment in bar.get_segments()]
    assert ends == [[1, 4], [-1, 1], [3, 5]]
    assert {text.get_text() for legend in drawn["rows.png"].legends for text in legend.texts} == {
        "a",
        "b",
    }
