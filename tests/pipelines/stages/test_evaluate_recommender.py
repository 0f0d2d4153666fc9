"""The stage evaluate_recommender where what people turn to is known; its gate closes."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import polars as pl
import pytest
import torch

from expectations.contracts.tables import INTERACTIONS, LIST_FIGURES
from expectations.gates.bounds import judge_figures
from expectations.gates.report import GateReport
from pipelines.guards.bounds import recommender_bounds
from pipelines.io import paths
from pipelines.io.artefact_io import read_json, read_table, write_table
from pipelines.params.gates import RecommenderGates
from pipelines.params.params import read_params
from pipelines.reference.metrics import unexplained
from pipelines.stages import evaluate_recommender
from tests.worlds.item_evaluation import build_house
from training.evaluation.items import plots
from training.evaluation.items.buckets import ITEM_BUCKETS

BELOW_POPULARITY = "recommender_over_popularity_ndcg_at_10_high"
GOOD = {BELOW_POPULARITY: 0.01, "novel_planned_over_random_hit_rate_at_10_high": 0.01}


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("taught")
    build_house(folder)
    return folder


@pytest.fixture
def house(taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(taught, tmp_path / "house")
    monkeypatch.chdir(tmp_path / "house")
    return tmp_path / "house"


def test_figures_are_those_that_were_planted(house: Path) -> None:
    evaluate_recommender.main(read_params())
    figures = read_json(paths.metrics_of("recommender"))
    assert unexplained("recommender", figures) == []
    assert figures["n_cases"] == figures["n_users"] == figures["n_novel_cases"] == 80
    assert figures["n_items"] == 40
    # one cluster in four is theirs; the plan names two of the three others, the right one first
    assert figures["n_planned_clusters"] == 2
    assert figures["novel_planned_reach"] == 1
    assert figures["novel_random_reach"] == pytest.approx(2 / 3, abs=0.05)
    assert figures["novel_planned_searched_share"] == figures["novel_random_searched_share"] == 0.5
    assert figures["novel_true_reach"] == figures["novel_true_recall_at_10"] == 1
    assert figures["novel_true_searched_share"] == 0.25
    assert figures["novel_anywhere_searched_share"] == figures["novel_anywhere_reach"] == 1
    assert figures["novel_planned_over_random_hit_rate_at_10_low"] > 0
    gain = figures["novel_planned_ndcg_at_10"] - figures["novel_true_ndcg_at_10"]
    assert figures["novel_planned_over_true_ndcg_at_10"] == pytest.approx(gain, abs=2e-6)
    assert figures["recommender_over_popularity_ndcg_at_10_low"] > 0
    for name in plots.MODELS:
        assert 0 <= figures[f"{name}_ndcg_at_10_low"] <= figures[f"{name}_ndcg_at_10"] <= 1
    items = pl.read_csv(paths.plots_of("evaluate_recommender") / "items.csv")
    assert items.columns == ["bucket", *plots.MODELS]
    assert items.height == sum(figures[f"n_positives_{b}_items"] > 0 for b in ITEM_BUCKETS)
    sizes = pl.read_csv(paths.plots_of("evaluate_recommender") / "plan_sizes.csv")
    assert sizes["n_clusters"].to_list() == [1, 2, 3, 5, 10]
    # within the one planned cluster everything is found; a random one is right in a third
    assert sizes["planned"][0] == 1
    assert 0.1 < sizes["random"][0] < 0.6
    assert sizes["planned"][2] == sizes["planned"][1]  # there are no more to plan
    assert read_table(paths.LIST_FIGURES, LIST_FIGURES).height == 80
    report = GateReport.from_json(read_json(paths.gates_of("evaluate_recommender")))
    assert report.may_be_promoted
    assert {verdict.guard for verdict in report.verdicts} == {"recommender_figures"}


def test_two_runs_leave_the_same_bytes(house: Path) -> None:
    outs = [paths.metrics_of("recommender"), paths.gates_of("evaluate_recommender")]
    outs += [paths.LIST_FIGURES]
    names = ("models", "items", "restrictions", "plan_sizes")
    outs += [paths.plots_of("evaluate_recommender") / f"{name}.csv" for name in names]
    found = []
    for _ in range(2):
        evaluate_recommender.main(read_params())
        found.append([path.read_bytes() for path in outs])
    assert found[0] == found[1]


def test_baselines_learn_nothing_from_the_window_they_are_judged_on(house: Path) -> None:
    evaluate_recommender.main(read_params())
    before = read_json(paths.metrics_of("recommender"))
    seen = pl.read_parquet(paths.INTERACTIONS)
    in_window = pl.col("timestamp") >= pl.lit("2024-01-21").str.to_datetime(time_zone="UTC")
    turned = seen.with_columns(
        item_id=pl.when(in_window).then(pl.lit("i00a")).otherwise(pl.col("item_id"))
    )
    assert not turned.equals(seen)
    write_table(turned, paths.INTERACTIONS, INTERACTIONS)
    evaluate_recommender.main(read_params())
    assert read_json(paths.metrics_of("recommender")) == before


def test_a_recommender_taught_the_wrong_way_is_not_promoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It learnt that people go back a ring: popularity, which knows nothing, serves them better."""
    build_house(tmp_path, towards=-1)
    monkeypatch.chdir(tmp_path)
    evaluate_recommender.main(read_params())
    report = GateReport.from_json(read_json(paths.gates_of("evaluate_recommender")))
    assert report.passed
    assert not report.may_be_promoted
    assert [v.metric for v in report.verdicts if not v.passed] == [BELOW_POPULARITY]


@pytest.mark.parametrize("value", [-0.001, math.nan, math.inf, None])
@pytest.mark.parametrize("figure", sorted(GOOD))
def test_each_gate_closes(figure: str, value: float | None) -> None:
    bounds = recommender_bounds(RecommenderGates())
    assert judge_figures("recommender", GOOD, bounds).report.may_be_promoted
    report = judge_figures("recommender", {**GOOD, figure: value}, bounds).report
    assert [verdict.metric for verdict in report.verdicts if not verdict.passed] == [figure]
    assert report.passed
    assert report.may_be_promoted is (figure != BELOW_POPULARITY)


def test_a_figure_that_was_not_measured_closes_the_gate() -> None:
    report = judge_figures("recommender", {}, recommender_bounds(RecommenderGates())).report
    assert not any(verdict.passed for verdict in report.verdicts)
    assert not report.may_be_promoted


def test_the_bound_is_the_one_set() -> None:
    bounds = recommender_bounds(RecommenderGates(max_below_popularity=0.02))
    below = {**GOOD, BELOW_POPULARITY: -0.015}
    assert judge_figures("recommender", below, bounds).report.may_be_promoted
    below[BELOW_POPULARITY] = -0.025
    assert not judge_figures("recommender", below, bounds).report.may_be_promoted
