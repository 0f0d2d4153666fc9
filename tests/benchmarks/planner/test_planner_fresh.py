"""The benchmark of fresh interests: nothing of them is left to learn from, and figures by hand."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.planner.fresh import (
    COVERAGE,
    MINUS,
    FreshOutcome,
    measure_run,
    pool_outcomes,
    show_differences,
    show_figures,
)
from benchmarks.planner.fresh_contenders import (
    BALANCED,
    CHANCE,
    PARENT_POPULARITY,
    PLANNER,
    SIGNAL,
    TOGETHER,
    WORDS,
)
from benchmarks.planner.fresh_figures import (
    ALONE_AT_1,
    ALONE_AT_3,
    ALONE_RANK,
    PLACES,
    RECALL,
    RECALL_FRESH,
    RECALL_OTHERS,
    cover_fresh,
    hide_in_cases,
    measure_fresh,
    resample_both,
)
from benchmarks.planner.fresh_runs import FreshRun, draw_fresh, hide_clusters, thin_log
from expectations.contracts.errors import UserError
from expectations.contracts.tables import INTERACTIONS, TRANSITIONS
from pipelines.io import paths
from pipelines.io.artefact_io import read_table
from pipelines.io.clusters_reader import read_clusters
from tests.worlds.evaluation import N
from training.evaluation.clusters.cases import PlannerCases

FRESH = np.array([3])
SEVERAL = np.array([3, 4, 5, 6, 7])
CASES = PlannerCases(
    users=("ann", "bob", "cid"),
    histories=[[0], [3, 1], [3]],
    consumed=[[0, 2], [1, 3], [3]],
    positives=[frozenset({3}), frozenset({2}), frozenset({0})],
)


@pytest.fixture
def folder(house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the house, to be changed."""
    copy = tmp_path / "copy"
    shutil.copytree(house, copy)
    monkeypatch.chdir(copy)
    return copy


def test_tenths_share_no_cluster() -> None:
    draws = draw_fresh(64, 10)
    together = np.concatenate(draws)
    assert [len(draw) for draw in draws] == [6] * 10
    assert len(set(together.tolist())) == 60
    np.testing.assert_array_equal(draws[1], draw_fresh(64, 3)[1])
    with pytest.raises(UserError, match=r"--draws.*ask for 10 at most"):
        draw_fresh(64, 11)


def test_nothing_of_a_fresh_cluster_is_left_to_learn_from(folder: Path) -> None:
    clusters = read_clusters(0)
    before = read_table(paths.INTERACTIONS, INTERACTIONS)
    hide_clusters(FRESH.tolist(), clusters)
    log = read_table(paths.INTERACTIONS, INTERACTIONS)
    assert before.height > log.height == before.filter(pl.col("item_id") != "item3").height
    left = read_table(paths.TRANSITIONS, TRANSITIONS)
    for column in ("history_clusters", "consumed_clusters", "context"):
        assert 3 not in left[column].explode().to_list()
    assert 3 not in left["target_cluster"].to_list()
    assert (left["history_clusters"].list.len() > 0).all()
    for history, context in left.select("history_clusters", "context").iter_rows():
        assert context == sorted(history[:2])


def test_a_thinner_log_has_fewer_people_in_log_and_transitions(folder: Path) -> None:
    everybody = set(read_table(paths.INTERACTIONS, INTERACTIONS)["user_id"].to_list())
    thin_log(0.5)
    kept = set(read_table(paths.INTERACTIONS, INTERACTIONS)["user_id"].to_list())
    assert len(kept) == round(0.5 * len(everybody))
    assert set(read_table(paths.TRANSITIONS, TRANSITIONS)["user_id"].to_list()) <= kept


def test_what_somebody_had_consumed_is_planned_for_nobody_and_evidence_of_nothing() -> None:
    asked = hide_in_cases(CASES, FRESH, 5)
    assert asked.cases.users == ("ann", "bob")  # of cid nothing else is known
    assert asked.cases.histories == [[0], [1]]
    np.testing.assert_array_equal(
        asked.is_open, [[False, True, False, True, True], [True, False, True, False, True]]
    )


def test_people_can_be_planned_for_by_fresh_clusters_alone() -> None:
    asked = hide_in_cases(CASES, FRESH, 5, "fresh")
    assert asked.cases.users == ("bob", "cid")  # ann has touched none of them
    assert asked.cases.histories == [[3], [3]]
    np.testing.assert_array_equal(  # what bob had consumed beside is still no novelty
        asked.is_open, [[True, False, True, False, True], [True, True, True, False, True]]
    )


def test_figures_by_hand() -> None:
    cases = PlannerCases(
        users=("ann", "bob", "cid"),
        histories=[[0], [0], [0]],
        consumed=[[0], [0], [0]],
        positives=[frozenset({2, 12}), frozenset({11, 13}), frozenset({1})],
    )
    asked = hide_in_cases(cases, np.array([2, 11, 12, 13]), 14)
    falling = -np.arange(14.0)  # 1 to 10 are planned; of the fresh ones 2, then 11, 12, 13
    scores = np.stack([falling] * 3)
    figures = measure_fresh(scores, asked)
    np.testing.assert_array_equal(figures[RECALL_FRESH], [0.5, 0.0, np.nan])
    np.testing.assert_array_equal(figures[ALONE_AT_1], [1.0, 0.0, np.nan])
    np.testing.assert_array_equal(figures[ALONE_AT_3], [1.0, 1 / 2, np.nan])
    np.testing.assert_array_equal(figures[ALONE_RANK], [1.0, 1 / 2, np.nan])
    np.testing.assert_array_equal(figures[RECALL_OTHERS], [np.nan, np.nan, 1.0])
    np.testing.assert_array_equal(figures[RECALL], [0.5, 0.0, 1.0])
    np.testing.assert_array_equal(figures[PLACES], [0.1, 0.1, 0.1])
    assert cover_fresh(scores, asked) == 1 / 4  # 2 alone; no plan of ten reaches 11


def test_intervals_over_users_and_draws() -> None:
    users = [f"u{user}" for user in range(200)] * 3
    draws = [draw for draw in range(3) for _ in range(200)]
    level = np.repeat([0.0, 0.5, 1.0], 200)
    noise = np.random.default_rng(0).normal(size=600)
    columns = {"level": level, "noise": noise, "both": level + noise, "one": np.ones(600)}
    columns["some"] = np.where(np.arange(600) < 200, 0.25, np.nan)
    columns["none"] = np.full(600, np.nan)
    found = resample_both(columns, users, draws)
    assert found["one"].low == found["one"].high == 1
    assert found["level"].low < 0.2  # three draws say little
    assert found["level"].high > 0.8
    assert found["noise"].high - found["noise"].low < 0.25  # 600 values: +- 2 / 24
    assert found["both"].mean == pytest.approx(found["level"].mean + found["noise"].mean)
    assert (found["some"].mean, found["some"].n_cases, found["some"].n_users) == (0.25, 200, 200)
    assert "none" not in found


def test_the_planner_that_knows_the_answer_finds_it(house: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(house)
        clusters = read_clusters(0)
        run = FreshRun("known", 0, SEVERAL, True, house)
        outcome = measure_run(run, clusters, "validation", {WORDS: np.eye(N)})
        alone = measure_run(
            replace(run, has_planner=False), clusters, "validation", {WORDS: np.eye(N)}
        )
        by_fresh = measure_run(run, clusters, "validation", {WORDS: np.eye(N)}, "fresh")
    assert len(by_fresh.users) > 0
    assert set(by_fresh.users) != set(outcome.users)
    assert {PLANNER, TOGETHER} == set(outcome.columns) - set(alone.columns)
    assert set(alone.columns) == {WORDS, PARENT_POPULARITY, CHANCE, SIGNAL, BALANCED}
    intervals = pool_outcomes([outcome, outcome])
    assert intervals[PLANNER, RECALL].mean == 1  # no more than ten clusters
    assert intervals[PLANNER, ALONE_RANK].mean > 0.9 > intervals[CHANCE, ALONE_RANK].mean
    gain = intervals[f"{PLANNER}{MINUS}{WORDS}", RECALL_FRESH].mean
    assert gain == pytest.approx(1 - intervals[WORDS, RECALL_FRESH].mean)
    shown = show_figures(intervals, [outcome])
    assert shown.splitlines()[0].endswith(f"{COVERAGE} |")
    assert len(show_differences(intervals).splitlines()) == len(outcome.columns) + 1


def test_an_outcome_without_figures_shows_a_dash() -> None:
    run = FreshRun("empty", 0, FRESH, False, Path())
    nothing = {figure: np.array([np.nan]) for figure in (RECALL_FRESH, RECALL)}
    outcome = FreshOutcome(run, ("ann",), {WORDS: nothing}, {WORDS: 0.0})
    assert "–" in show_figures({}, [outcome])
