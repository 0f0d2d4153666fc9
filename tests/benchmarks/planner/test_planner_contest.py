"""A planner beside the baselines, on the house whose right answers are known."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl
import pytest

from benchmarks.planner import compare as planner
from benchmarks.planner.contest import Outcome, gather_field, measure_run
from benchmarks.planner.pooling import compare_outcomes
from benchmarks.planner.runs import PlannerRun
from expectations.contracts.tables import CASES, INTERACTIONS
from inference.evaluation.contenders import AS_SERVED, BEST_BASELINE
from pipelines.io import paths
from pipelines.io.artefact_io import read_table, write_table
from pipelines.io.command import run_command
from pipelines.io.planner_windows import Split
from training.evaluation.clusters.compare import METRICS


def measure(split: Split) -> Outcome:
    return measure_run(PlannerRun(None, 0, 0, Path()), gather_field(split))


def test_the_planted_answer_is_found_on_both_splits(
    house: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(house)
    splits: tuple[Split, ...] = ("validation", "test")
    for split in splits:
        outcome = measure(split)
        assert {user[: len(split)] for user in outcome.users} == {split}
        intervals = compare_outcomes([outcome])
        assert intervals["recall_at_1_as_served"].mean == 1
        assert intervals["recall_at_1_as_served"].n_users == 80
        assert intervals["recall_at_1_popularity"].mean == 0.5  # see the world's first page
        assert intervals["recall_at_1_as_served_minus_popularity"].mean == 0.5
        assert outcome.breadth["match_rate"] == 1
        best, chosen = (outcome.cases[name] for name in (BEST_BASELINE, outcome.best_baseline))
        assert all((best[metric] == chosen[metric]).all() for metric in METRICS)
        assert set(outcome.baselines) < set(outcome.cases)
        assert AS_SERVED in outcome.cases


def test_validation_knows_nothing_of_the_test(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(house)
    before = measure("validation")
    kept = {path: path.read_bytes() for path in (paths.CASES, paths.INTERACTIONS)}
    cases = read_table(paths.CASES, CASES)
    write_table(cases.filter(pl.col("split") == "validation"), paths.CASES, CASES)
    border = pl.lit("2024-01-21").str.to_datetime(time_zone="UTC")  # where the test begins
    log = read_table(paths.INTERACTIONS, INTERACTIONS)
    write_table(log.filter(pl.col("timestamp") < border), paths.INTERACTIONS, INTERACTIONS)
    try:
        after = measure("validation")
    finally:
        for path, content in kept.items():
            path.write_bytes(content)
    assert after.users == before.users
    for name, figures in before.cases.items():
        assert all((after.cases[name][metric] == figures[metric]).all() for metric in METRICS), name


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-S", "split"], "section.key=value"),
        (["--split", "train"], "invalid choice: 'train'"),
        (["--origins", "half"], "invalid float value: 'half'"),
    ],
)
def test_the_command_refuses_in_a_line(
    options: list[str],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["planner", *options])
    with pytest.raises(SystemExit) as ended:
        run_command(planner.main)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err.splitlines()[-1]
