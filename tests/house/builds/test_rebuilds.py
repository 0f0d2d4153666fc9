"""Two clean checkouts build the same bytes, and a kill at any stage changes nothing."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from expectations.contracts.content_hash import hash_content
from tests.house.builds.checkout import (
    clean_checkout,
    make_target,
    repro,
    repro_and_kill,
    run_module,
    run_on_terminal,
    start_repro,
)
from tests.servers import read_when_ready

pytestmark = pytest.mark.long

KILLS = (
    ("ingest", 1.0),
    ("clusters", 4.0),
    ("curate", 8.0),
    ("planner", 8.0),
    ("table", 5.0),
    ("evaluate", 6.0),
)
OURS = (
    r"users|\d+ clusters|histories|curate|base model|planner|recommender.*|table.*|planning.*|"
    r"pair counts|lists|ranking by .+|restricting|.+ arm|online rows"
)
"""The bars that this project draws, as tqdm names them."""


def foreign_bars(shown: str) -> list[str]:
    """Names of the bars on a terminal that are not ours."""
    names = set(re.findall(r"([^\r\n|]*?):? +\d+%\|", re.sub(r"\x1b\[[0-9;]*\w", "", shown)))
    return sorted(name for name in names if not re.fullmatch(OURS, name.strip()))


def lines_of(shown: str) -> list[str]:
    """What is left on a terminal when all bars are drawn: of each line its last state, no bars."""
    plain = re.sub(r"\x1b\[[0-9;]*\w", "", shown)
    left = [line.rpartition("\r")[2].strip() for line in plain.replace("\r\n", "\n").split("\n")]
    return [line for line in left if line and "%|" not in line]


def test_a_second_repro_does_nothing_and_says_so(reference: Path) -> None:
    assert "Data and pipelines are up to date." in repro(reference)


def test_every_plot_of_the_pipeline_is_drawn_from_its_file(reference: Path) -> None:
    asked = yaml.safe_load((reference / "dvc.yaml").read_text())["plots"]
    assert "failed" not in run_module(reference, "dvc", "plots", "show")
    page = (reference / "dvc_plots" / "index.html").read_text()
    drawn = [json.loads(spec) for spec in re.findall(r"var spec = (\{.*?\});\n", page, re.DOTALL)]
    assert len(drawn) == len(asked)
    assert all(spec.get("data", {}).get("values") for spec in drawn)
    traffic = next(spec for spec in drawn if spec["title"]["text"] == "Traffic per cluster")
    assert traffic["encoding"]["x"]["scale"] == {"zero": True}  # bars that start elsewhere deceive
    levels = yaml.safe_load((reference / "params.yaml").read_text())["clusters"]["levels"]
    assert len(traffic["data"]["values"]) == levels[-1]


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A second clean checkout, built as `make run` does it; and what stood on the terminal."""
    checkout = clean_checkout(tmp_path_factory.mktemp("elsewhere") / "checkout")
    return checkout, run_on_terminal(checkout, "pipelines.commands", "build", "--at-once", "2")


def test_a_build_side_by_side_has_the_same_lock(reference: Path, second: tuple[Path, str]) -> None:
    ours, theirs = (
        yaml.safe_load((each / "dvc.lock").read_text()) for each in (second[0], reference)
    )
    assert ours == theirs  # which stage ended first decides only the order of the entries


def test_a_build_shows_one_line_a_stage_and_bars_of_ours_alone(second: tuple[Path, str]) -> None:
    checkout, shown = second
    assert foreign_bars(shown) == []
    assert all(word in shown for word in ("base model: ", "planner: ", "recommender: "))
    lines = lines_of(shown)
    stages = yaml.safe_load((checkout / "dvc.yaml").read_text())["stages"]
    assert sorted(line.partition(":")[0] for line in lines) == sorted(stages), lines
    assert all(line.endswith(" s of processor time)") for line in lines)


def test_commands_show_bars_of_ours_alone(promoted: Path) -> None:
    for command in ("publish", "promote", "report", "list-clusters"):
        shown = run_on_terminal(promoted, "pipelines.commands", command)
        assert foreign_bars(shown) == []
        assert "warning" not in shown.lower()


@pytest.fixture(scope="module")
def promoted(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the reference whose release is published and promoted."""
    with pytest.MonkeyPatch.context() as patch:
        for variable in ("MLFLOW_TRACKING_URI", "FEAST_FS_YAML_FILE_PATH"):
            patch.delenv(variable, raising=False)
        checkout = tmp_path_factory.mktemp("promoted") / "checkout"
        shutil.copytree(reference, checkout, symlinks=True)
        run_module(checkout, "pipelines.commands", "publish")
        assert "champion none -> version 1" in run_module(checkout, "pipelines.commands", "promote")
        yield checkout


def test_the_targets_that_serve_pages_serve_them(promoted: Path, tmp_path: Path) -> None:
    with make_target(promoted, "serve", tmp_path, "EXPLORER_PORT") as address:
        asked = "v1/users/user-0000000/recommendations?count=10&exploration_share=0.2"  # serve.md
        answer = json.loads(read_when_ready(f"{address}/{asked}"))
        assert len(answer["items"]) == 10
        assert "<html" in read_when_ready(address)
    with make_target(promoted, "tracking-ui", tmp_path, "TRACKING_PORT") as address:
        assert "MLflow" in read_when_ready(address)


def test_an_experiment_and_a_refresh_go_as_the_guide_says(reference: Path, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(reference, checkout, symlinks=True)
    setting = ("-S", "recommender.max_epochs=1", "-S", "table.score=open")
    run_module(checkout, "dvc", "exp", "run", *setting)
    assert "recommender.max_epochs" in run_module(checkout, "dvc", "exp", "show", "--csv")
    shutil.copytree(checkout / "artifacts" / "table", checkout / "kept_table")
    run_module(checkout, "dvc", "freeze", "base_model", "planner")
    params = yaml.safe_load((checkout / "params.yaml").read_text())
    assert (params["recommender"]["max_epochs"], params["table"]["score"]) == (1, "open")

    def name_previous_table(sha256: str) -> None:
        params["table"]["previous"] = {"folder": "kept_table", "sha256": sha256}
        (checkout / "params.yaml").write_text(yaml.safe_dump(params))

    name_previous_table("?")
    log = checkout.with_suffix(".refused.log")
    assert start_repro(checkout, log).wait() != 0
    told = re.search(r"set table\.previous\.sha256 to (\w{64})", log.read_text())
    assert told, log.read_text()[-4000:]
    name_previous_table(told[1])
    assert "Running stage 'planner'" not in repro(checkout)
    assert (checkout / "artifacts" / "table" / "refresh.md").is_file()


def test_a_promoted_release_comes_back_by_one_command(promoted: Path, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(promoted, checkout, symlinks=True)
    built = (checkout / "artifacts", checkout / "metrics", checkout / "dvc.lock")
    before = [hash_content(path) for path in built]
    for path in built:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert "(version 1)" in run_module(
        checkout, "pipelines.commands", "restore", "--release", "champion"
    )
    assert [hash_content(path) for path in built] == before
    assert "Data and pipelines are up to date." in run_module(checkout, "dvc", "status")


def test_kills_at_many_stages_leave_nothing_half_written(reference: Path, tmp_path: Path) -> None:
    killed = clean_checkout(tmp_path / "checkout")
    for stage, after_seconds in KILLS:
        repro_and_kill(killed, stage, after_seconds)
    repro(killed)
    assert (killed / "dvc.lock").read_bytes() == (reference / "dvc.lock").read_bytes()
    left = list((killed / "artifacts").rglob("*.partial"))
    assert not left
