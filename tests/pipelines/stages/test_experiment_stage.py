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
from tests.worlds.online.serving import REPOSITORY


def read_tables() -> dict[str, pl.DataFrame]:
    """The tables that the stage has left to be plotted."""
    files = paths.plots_of("experiment").glob("*.csv")
    return {file.stem: pl.read_csv(file) for file in files}


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
    tables = read_tables()
    assert tables[experiment.ROUNDS]["round"].to_list() == [1, 2, 3]
    assert all(set(names) <= set(tables[k].columns) for k, names in experiment.EMPTY.items())
    every_arm = [str(arm) for arm in ArmName]
    assert tables[experiment.ARMS]["arm"].to_list() == every_arm
    assert tables[experiment.UCI]["unique_clusters"].to_list() == [5, 10, 20] * len(every_arm)
    progress, uci = tables[experiment.PROGRESS], tables[experiment.UCI]
    at_end = progress.filter(pl.col("round") == 3).select("arm", share_at_end="uci_at_10")
    ten = uci.filter(pl.col("unique_clusters") == 10).join(at_end, on="arm")
    assert ten["share_of_users"].to_list() == pytest.approx(ten["share_at_end"].to_list())
    lift = tables[experiment.LIFT].filter(pl.col("arm") == "oracle", figure="positives_per_shown")
    oracle, control = (figures[f"{arm}_positives_per_shown"] for arm in ("oracle", "control"))
    assert lift["lift_percent"].item() == pytest.approx(100 * (oracle / control - 1), abs=1e-2)


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
    seen = []
    for _ in range(2):
        experiment.main(read_params())
        outs = (paths.metrics_of("experiment"), *paths.plots_of("experiment").iterdir())
        seen.append({str(out): out.read_bytes() for out in outs})
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
    plotted = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text(encoding="utf-8"))["plots"]
    tables = read_tables()
    assert all(table.is_empty() for table in tables.values())
    for entry in (entry for named in plotted for entry in named.values()):
        for file, columns in entry["y"].items():
            if Path(file).parent == paths.plots_of("experiment"):
                assert {entry["x"], *columns} <= set(tables[Path(file).stem].columns), file
