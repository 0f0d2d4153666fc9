"""The stages table and evaluate on a house whose right answers are known; every gate closes."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest
import yaml

from expectations.contracts.errors import GateError, UserError
from expectations.contracts.tables import CLUSTERS, INTERACTIONS, PLAN_FIGURES
from expectations.gates.bounds import judge_figures
from expectations.gates.report import GateReport
from pipelines.guards.bounds import planner_bounds
from pipelines.guards.table_guards import table_bounds
from pipelines.io import paths
from pipelines.io.artefact_io import read_json, read_table, write_table
from pipelines.params.gates import PlannerGates, TableGates
from pipelines.params.params import read_params
from pipelines.reference.metrics import unexplained
from pipelines.stages import evaluate, table
from tests.worlds.evaluation import PARAMS, N, build_house, fit_circle_recommender
from tests.worlds.recommender import fit_small

PLOTS = ("recall", "exposure", "within", "shares", "curve")


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("taught")
    build_house(folder)
    return folder


@pytest.fixture
def house(taught: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(taught, tmp_path / "house")
    monkeypatch.chdir(tmp_path / "house")
    return tmp_path / "house"


def test_figures_are_those_that_were_planted(house: Path) -> None:
    table.main(read_params())
    evaluate.main(read_params())
    figures = read_json(paths.metrics_of("planner"))
    assert unexplained("planner", figures) == []
    assert figures["n_cases"] == figures["n_users"] == figures["validation_n_cases"] == 80
    for contender in ("as_served", "planner_alone", "pair_counts", "pair_counts_alone"):
        assert figures[f"recall_at_1_{contender}"] == 1
        assert figures[f"mrr_{contender}"] == 1
        assert figures[f"validation_recall_at_1_{contender}"] == 1
    assert figures["recall_at_5_ease"] == 1
    # all are equally popular, so the lowest unconsumed id is proposed: right for walks from
    # clusters 0, 5, 6 and 7, half of the eight
    assert figures["recall_at_1_popularity"] == 0.5
    assert figures["recall_at_5_popularity"] == 1
    assert figures["match_rate"] == 1
    assert figures["n_prompts"] == figures["n_rows_table"] == N + N * (N - 1) // 2
    assert figures["self_transition_rate"] == figures["greedy_self_transition_rate"] == 0
    assert figures["coverage_at_1_as_served"] == 1
    assert figures["recall_at_10_as_served_minus_pair_counts"] == 0
    by_case = read_table(paths.PLAN_FIGURES, PLAN_FIGURES)
    assert (by_case.height, by_case["user_key"].n_unique()) == (80, 80)
    assert by_case["recall_at_10"].mean() == figures["recall_at_10_as_served"]
    assert by_case["recall_at_10_pair_counts"].mean() == figures["recall_at_10_pair_counts"]
    assert read_json(paths.metrics_of("table"))["valid_share"] == 1
    assert GateReport.from_json(read_json(paths.gates_of("evaluate"))).may_be_promoted
    # a tree of one level has nothing but new fields
    assert figures["recall_at_1_new_field_as_served"] == 1
    assert figures["recall_at_5_within_new_field_popularity"] == 1
    assert figures["share_at_5_new_field_as_served"] == figures["share_open_new_field"] == 1
    assert figures["n_cases_new_field"] == figures["validation_n_liked_new_field"] == 80
    assert figures["n_cases_adjacent"] == 0
    assert "recall_at_1_adjacent_as_served" not in figures
    curve = pl.read_csv(paths.plots_of("evaluate") / "curve.csv")
    assert set(curve["as_served"]) == {1.0}
    shares = pl.read_csv(paths.plots_of("evaluate") / "shares.csv")
    assert shares.filter(method="liked").row(0)[1:] == (0.0, 0.0, 1.0)
    recall = pl.read_csv(paths.plots_of("evaluate") / "recall.csv")
    assert recall.filter(method="as_served", k=1)["recall"].item() == 1
    exposure = pl.read_csv(paths.plots_of("evaluate") / "exposure.csv")
    shares = exposure.group_by("method").agg(pl.col("share").sum())["share"]
    contenders = {key.removeprefix("mrr_") for key in figures if key.startswith("mrr_")}
    named = {
        name
        for name in contenders
        if "_minus_" not in name and not name.endswith(("_low", "_high"))
    }
    assert set(exposure["method"]) == named
    assert shares.to_list() == pytest.approx([1.0] * len(named), abs=1e-4)


def test_two_runs_leave_the_same_bytes(house: Path) -> None:
    outs = (
        paths.NOVEL_CLUSTER_TABLE,
        paths.metrics_of("table"),
        paths.metrics_of("planner"),
        paths.gates_of("evaluate"),
        paths.PLAN_FIGURES,
        *(paths.plots_of("evaluate") / f"{name}.csv" for name in PLOTS),
    )
    found = []
    for _ in range(2):
        table.main(read_params())
        evaluate.main(read_params())
        found.append([path.read_bytes() for path in outs])
    assert found[0] == found[1]


def test_baselines_learn_nothing_from_the_window_they_are_judged_on(house: Path) -> None:
    table.main(read_params())
    evaluate.main(read_params())
    before = read_json(paths.metrics_of("planner"))
    seen = pl.read_parquet(paths.INTERACTIONS)
    # afterwards everybody turns round: a baseline that peeked would change its mind
    turned = seen.with_columns(
        item_id=pl.when(
            pl.col("timestamp") >= pl.lit("2024-01-21").str.to_datetime(time_zone="UTC")
        )
        .then(pl.lit("item0"))
        .otherwise("item_id")
    )
    write_table(turned, paths.INTERACTIONS, INTERACTIONS)
    evaluate.main(read_params())
    assert read_json(paths.metrics_of("planner")) == before


def test_an_untaught_planner_is_stopped_by_the_match_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_house(tmp_path, steps=0)
    monkeypatch.chdir(tmp_path)
    loosen(tmp_path, gates={"table": {"min_coverage_at_5": 0.0}})
    table.main(read_params())
    with pytest.raises(GateError, match=r"match_rate is at least 0\.99, found 0"):
        evaluate.main(read_params())
    assert not GateReport.from_json(read_json(paths.gates_of("evaluate"))).passed


def test_a_collapsed_planner_is_stopped_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_house(tmp_path, collapsed=True)
    monkeypatch.chdir(tmp_path)
    shallow = {"whole_up_to": 1, "depth": 1, "per_family": 0}
    loosen(tmp_path, table=shallow)
    with pytest.raises(GateError, match=r"coverage_at_5 is at least 0\.95, found 0\.375"):
        table.main(read_params())
    assert not paths.NOVEL_CLUSTER_TABLE.exists()
    loosen(tmp_path, table=shallow, gates={"table": {"min_coverage_at_5": 0.0}})
    table.main(read_params())
    with pytest.raises(GateError, match=r"top1_largest_share_table is at most 0\.4"):
        evaluate.main(read_params())


@pytest.mark.parametrize("figure", ["completeness", "valid_share"])
def test_a_table_with_faults_is_stopped(figure: str) -> None:
    figures = {"completeness": 1.0, "valid_share": 1.0, "coverage_at_5": 1.0, figure: 0.999}
    report = judge_figures("table", figures, table_bounds(TableGates())).report
    with pytest.raises(GateError, match=figure):
        report.raise_if_blocked("")


@pytest.mark.parametrize(
    ("figure", "value", "stops"),
    [
        ("match_rate", 0.98, True),
        ("coverage_at_5_table", 0.94, True),
        ("top1_largest_share_table", 0.41, True),
        ("self_transition_rate", 0.001, True),
        ("recall_at_10_as_served_minus_pair_counts_high", -0.001, False),
        ("share_at_5_adjacent_as_served_minus_liked_low", 0.36, False),
    ],
)
def test_each_gate_closes(figure: str, value: float, stops: bool) -> None:
    good = {
        "match_rate": 1.0,
        "coverage_at_5_table": 1.0,
        "top1_largest_share_table": 0.1,
        "self_transition_rate": 0.0,
        "greedy_self_transition_rate": 0.2,
        "recall_at_10_as_served_minus_pair_counts_high": 0.01,
        "share_at_5_adjacent_as_served_minus_liked_low": 0.35,
    }
    bounds = planner_bounds(PlannerGates(), 0.95)
    assert judge_figures("planner", good, bounds).report.may_be_promoted
    report = judge_figures("planner", {**good, figure: value}, bounds).report
    assert not report.may_be_promoted
    assert report.passed is not stops


def test_a_planner_that_repeats_its_prompts_is_told_of() -> None:
    bounds = planner_bounds(PlannerGates(), 0.95)
    (repeats,) = (bound for bound in bounds if bound.metric == "greedy_self_transition_rate")
    report = judge_figures("planner", {repeats.metric: 0.21}, (repeats,)).report
    assert report.may_be_promoted
    (told,) = report.warnings
    assert "planner.novel_description_weight" in told.look_at


def test_a_table_of_another_tree_is_refused(house: Path) -> None:
    table.main(read_params())
    clusters = pl.read_parquet(paths.CLUSTERS)
    write_table(clusters.head(N - 1), paths.CLUSTERS, CLUSTERS)
    with pytest.raises(UserError, match="novel_cluster_table"):
        evaluate.main(read_params())


def test_a_recommender_of_another_tree_is_refused(house: Path) -> None:
    table.main(read_params())
    shutil.rmtree(paths.RECOMMENDER_BEFORE_VALIDATION)
    paths.RECOMMENDER_BEFORE_VALIDATION.mkdir()
    fit_small().save(paths.RECOMMENDER_BEFORE_VALIDATION)
    with pytest.raises(UserError, match=r"before_validation.*is of this cluster tree"):
        evaluate.main(read_params())


def test_validation_is_not_put_to_the_recommender_that_has_seen_it(house: Path) -> None:
    table.main(read_params())
    evaluate.main(read_params())
    before = read_json(paths.metrics_of("planner"))
    turned = {name: figure for name, figure in before.items() if "cluster_mass" in name}
    assert turned["validation_recall_at_1_cluster_mass"] == turned["recall_at_1_cluster_mass"] == 1
    # now the shipped one expects everybody to walk backwards; the earlier one is as it was
    backwards = fit_circle_recommender(step=-1)
    backwards.save(paths.RECOMMENDER)
    evaluate.main(read_params())
    after = read_json(paths.metrics_of("planner"))
    assert after["validation_recall_at_1_cluster_mass"] == 1
    assert after["recall_at_1_cluster_mass"] < 0.5


def loosen(folder: Path, **sections: dict[str, object]) -> None:
    """Change settings of the house's params.yaml."""
    content = {**PARAMS, **{name: {**PARAMS.get(name, {}), **sections[name]} for name in sections}}
    (folder / "params.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
