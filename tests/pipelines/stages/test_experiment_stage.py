"""The stage experiment, run for real on a small synthetic world with topics as clusters."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import yaml

from inference.experiment.config import ArmName
from pipelines.io import paths
from pipelines.io.artefact_io import read_json, write_json
from pipelines.params.params import read_params
from pipelines.reference.metrics import unexplained
from pipelines.sources.synthetic.truth import ABOUT
from pipelines.stages import experiment
from tests.worlds.experiment_tree import PARAMS


def test_exploration_finds_more_latent_interests(
    experiment_tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(experiment_tree)
    experiment.main(read_params())
    figures = read_json(paths.metrics_of("experiment"))
    assert unexplained("experiment", figures) == []
    assert figures["experiment_available"] == 1
    assert figures["users"] == 60
    assert figures["control_shown"] == 60 * 3 * 10
    assert figures["planner_minus_control_latent_interests_found_per_user_low"] > 0
    # the table is made from the true law: it beats what knows nothing of it
    assert figures["planner_minus_placebo_latent_interests_found_per_user_low"] > 0
    oracle = figures["oracle_latent_interests_found_per_user"]
    assert oracle > figures["planner_latent_interests_found_per_user"]
    arms = pl.read_csv(paths.plots_of("experiment") / experiment.ARMS_FILE)
    assert arms["arm"].to_list() == [str(arm) for arm in ArmName]
    rounds = pl.read_csv(paths.plots_of("experiment") / experiment.ROUNDS_FILE)
    assert rounds["round"].to_list() == [1, 2, 3]


def test_where_nobody_has_an_undiscovered_interest_exploration_is_a_cost(
    experiment_tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(experiment_tree)
    arms = ["planner", "oracle"]
    null = PARAMS | {"experiment": {"max_users": 60, "rounds": 3, "world": "null", "arms": arms}}
    Path("params.yaml").write_text(yaml.safe_dump(null), encoding="utf-8")
    experiment.main(read_params())
    Path("params.yaml").write_text(yaml.safe_dump(PARAMS), encoding="utf-8")
    figures = read_json(paths.metrics_of("experiment"))
    assert figures["oracle_latent_interests_found_per_user"] == 0
    assert figures["planner_minus_control_positives_per_shown_high"] < 0


def test_two_runs_leave_the_same_bytes(
    experiment_tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(experiment_tree)
    outs = (
        paths.metrics_of("experiment"),
        paths.plots_of("experiment") / experiment.ROUNDS_FILE,
    )
    seen = []
    for _ in range(2):
        experiment.main(read_params())
        seen.append([out.read_bytes() for out in outs])
    assert seen[0] == seen[1]


def test_without_a_truth_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    params = PARAMS | {"dataset": {"source": "movielens", "path": "ml"}}
    Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    write_json({"available": False}, paths.TRUTH / ABOUT)
    experiment.main(read_params())
    assert read_json(paths.metrics_of("experiment")) == {"experiment_available": 0}
    assert "synthetic world only" in capsys.readouterr().out
    rounds = pl.read_csv(paths.plots_of("experiment") / experiment.ROUNDS_FILE)
    assert rounds.is_empty()
