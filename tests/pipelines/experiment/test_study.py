"""The study, run for real on a small tree: complete, resumable, the same bytes every time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import yaml
from pydantic import ValidationError

from expectations.contracts.errors import UserError
from inference.experiment.config import ArmName
from inference.experiment.study.config import StudyConfig, WorldName
from pipelines.experiment import study
from pipelines.experiment.log_study import is_headline, log_study
from pipelines.experiment.study_pictures import FOLLOWED, draw_study
from pipelines.experiment.study_runs import Workbench
from pipelines.io.artefact_io import read_json
from pipelines.params.params import Params, read_params
from pipelines.release.tracking import open_tracking
from tests.worlds.experiment_tree import PARAMS
from tests.worlds.online.serving import REPOSITORY

ARMS = ["control", "planner", "oracle"]
SMALL = {"seeds": 2, "users": 12, "rounds": 3, "arms": ARMS, "worlds": ["planted", "null"]}
PATIENCE_SECONDS = 600
"""Of twelve small runs on a busy machine, imports of three processes included."""
OUTS = (study.FIGURES, study.ARMS, study.ROUNDS)


@pytest.fixture
def tree(experiment_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the tree with a small study, the folder one works in."""
    shutil.copytree(experiment_tree, tmp_path, dirs_exist_ok=True)
    settings = yaml.safe_dump(PARAMS | {"study": SMALL})
    (tmp_path / "params.yaml").write_text(settings, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def content_of(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


@pytest.mark.usefixtures("tree")
def test_a_study_goes_on_where_it_was_to_the_same_bytes() -> None:
    study.run_study(read_params(), Path("whole"), workers=1)
    whole = content_of(Path("whole"))
    assert set(OUTS) <= set(whole)
    figures = read_json(Path("whole") / study.FIGURES)
    assert figures["planted_oracle_minus_control_latent_interests_found_per_user"] > 0
    assert figures["null_oracle_latent_interests_found_per_user"] == 0
    arms = pl.read_csv(Path("whole") / study.ARMS)
    assert arms.select("world", "arm").rows() == [
        (world, arm) for world in ("planted", "null") for arm in ARMS
    ]
    rounds = pl.read_csv(Path("whole") / study.ROUNDS)
    assert set(rounds["round"]) == {1, 2, 3}
    check_pictures(figures, rounds)
    check_run(Path("whole"), figures)

    shutil.copytree("whole", "broken")
    for file in (*OUTS, "logs/null/1/planner.parquet", "logs/planted/0/oracle.parquet"):
        (Path("broken") / file).unlink()
    study.run_study(read_params(), Path("broken"), workers=1)
    assert content_of(Path("broken")) == whole


def check_pictures(figures: dict[str, float], rounds: pl.DataFrame) -> None:
    """The pictures have a panel for each world, and in it what the figures say of each arm."""
    worlds, arms = [WorldName.PLANTED, WorldName.NULL], [ArmName(arm) for arm in ARMS]
    drawn = dict(draw_study(figures, rounds, worlds, arms))
    folder = Path("whole") / study.PICTURES
    assert {file.name for file in folder.iterdir()} == set(drawn)
    for file in folder.iterdir():
        assert file.read_bytes().startswith(b"\x89PNG"), file
    for panel, world in zip(drawn["novelty_and_liking.png"].axes, worlds, strict=True):
        points = {line.get_label(): line.get_xydata()[0].tolist() for line in panel.lines}
        for arm in ARMS:
            axes = ("novel_share_of_shown", "positive_rate_of_novel")
            assert points[arm] == [figures[f"{world}_{arm}_{axis}"] for axis in axes]
    followed = drawn["over_rounds.png"].axes
    assert len(followed) == len(worlds) * len(FOLLOWED)
    (oracle,) = (line for line in followed[0].lines if line.get_label() == "oracle")
    there = rounds.filter(pl.col("world") == "planted", pl.col("arm") == "oracle")
    assert list(oracle.get_ydata()) == there["novel_share_of_shown"].to_list()


def check_run(folder: Path, figures: dict[str, float]) -> None:
    """One call leaves a run of its own with settings, headlines, tables and pictures."""
    run_id = log_study(read_params(), folder)
    client = open_tracking()
    run = client.get_run(run_id)
    assert run.info.run_name == "study"
    assert run.data.params["study.seeds"] == "2"
    name = "planted_oracle_minus_control_positives_per_user_low"
    assert run.data.metrics[name] == pytest.approx(figures[name])
    assert all(is_headline(name) for name in run.data.metrics)
    left = {file.path for file in client.list_artifacts(run_id)}
    assert left == {*OUTS, study.SETTINGS, study.PICTURES}
    pictures = {file.path for file in client.list_artifacts(run_id, study.PICTURES)}
    assert pictures == {f"{study.PICTURES}/{f.name}" for f in (folder / study.PICTURES).iterdir()}


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("planted_planner_uci_at_10", True),
        ("planted_planner_minus_control_uci_at_10_low", True),
        ("planted_planner_minus_hcb_uci_at_10", False),
        ("planted_planner_retention", False),
        ("fitted_log_novel_share", False),
    ],
)
def test_a_run_has_the_headlines_for_metrics(name: str, is_one: bool) -> None:
    assert is_headline(name) == is_one


@pytest.mark.long
def test_a_study_killed_with_its_workers_goes_on_to_the_same_bytes(tree: Path) -> None:
    study.run_study(read_params(), Path("whole"), workers=1)
    command = [sys.executable, "-m", "benchmarks.study", "--folder", "killed", "--workers", "2"]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    end = time.monotonic() + PATIENCE_SECONDS
    while len(list(Path("killed").rglob("*.parquet"))) < 2:
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)  # the workers too, in the middle of their runs
    process.wait()
    assert not (Path("killed") / study.FIGURES).exists()
    subprocess.run(command, env=environment, check=True, timeout=PATIENCE_SECONDS)
    logs = {name for name in content_of(tree / "killed") if not name.endswith(".partial")}
    whole = content_of(tree / "whole")
    assert logs >= set(whole)
    assert {name: content_of(tree / "killed")[name] for name in whole} == whole


def test_halves_of_a_draw_share_no_user_and_show_no_item_in_common(tree: Path) -> None:
    bench = Workbench(read_params())
    (ours, mine), (others, theirs) = (bench.set_up(WorldName.PLANTED, seed) for seed in (0, 1))
    assert not {user.user_id for user in ours} & {user.user_id for user in others}
    shown = [set(world.item_ids) - world.not_yet_arrived(2) for world in (mine, theirs)]
    assert shown[0]
    assert not shown[0] & shown[1]


def test_a_folder_with_another_study_is_refused(tree: Path) -> None:
    params = read_params()
    study.claim_folder(params, tree / "one")
    more = {"seeds": 9, "worlds": ["null"]}
    study.claim_folder(with_study(params, more), tree / "one")  # more of the same is welcome
    with pytest.raises(UserError, match="experiment"):
        study.claim_folder(with_study(params, {"rounds": 4}), tree / "one")


def test_a_study_can_be_repeated_with_seeds_of_its_own(tree: Path) -> None:
    params = with_study(read_params(), {"first_seed": 30, "seeds": 4})
    assert sorted({run.seed for run in study.list_runs(params.study)}) == [30, 31, 32, 33]
    study.claim_folder(read_params(), tree / "both")
    study.claim_folder(params, tree / "both")  # other seeds of the same study
    with pytest.raises(ValidationError, match="multiple of 2"):
        StudyConfig(first_seed=1)


def with_study(params: Params, changed: dict[str, object]) -> Params:
    """Return the params with some of the study's settings changed."""
    settings = params.study.model_copy(update=changed)
    return params.model_copy(update={"study": settings})


def test_the_fitted_world_hides_interests_that_were_never_touched(tree: Path) -> None:
    bench = Workbench(read_params())
    users, environment = bench.set_up(WorldName.FITTED, 0)
    fitted = bench.worlds.fitted
    taken = fitted.taken[[fitted.row_of_user[user.user_id] for user in users]]
    assert environment.is_untouched.any(axis=1).all()
    assert not (environment.is_untouched & (taken > 0)).any()
    assert (environment.affinity[environment.is_untouched] >= 0.65).all()
    # figures of the log and of one that the model made, side by side
    for name in ("novel_share", "repeat_share", "item_gini"):
        log, simulated = (fitted.likeness[f"{side}_{name}"] for side in ("log", "simulated"))
        assert simulated == pytest.approx(log, abs=0.1), name
