"""A stage runs again only where it must: on a small house whose stages note that they ran."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from benchmarks.planner import runs as planner_runs
from benchmarks.planner.runs import Settings, make_clustering, make_data, make_planner
from expectations.contracts.errors import UserError
from pipelines.io import paths

STAGES = {
    "ingest": ("dataset", "split"),
    "clusters": ("runtime", "clusters"),
    "histories": ("histories",),
    "curate": ("curation",),
    "collective": ("collective",),
    "recommender": ("runtime", "recommender"),
    "base_model": ("runtime", "planner"),
    "planner": ("planner",),
    "table": ("table",),
}
STAGE = """import sys
from pathlib import Path
from pipelines.weight import WEIGHT
Path("artifacts").mkdir(exist_ok=True)
with open("artifacts/{name}", "a") as file:
    file.write(f"{{WEIGHT}}\\n")
if Path({stop!r}).exists():
    sys.exit("error: told to stop")
"""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with stages of the real names, each of which notes that it ran."""
    top = tmp_path / "house"
    (top / "pipelines/stages").mkdir(parents=True)
    (top / "feature_repo").mkdir()
    (top / "pipelines/__init__.py").touch()
    (top / "pipelines/stages/__init__.py").touch()
    (top / "pipelines/weight.py").write_text("WEIGHT = 1\n")
    for name in STAGES:
        code = STAGE.format(name=name, stop=str(tmp_path / f"stop_{name}"))
        (top / f"pipelines/stages/{name}.py").write_text(code)
    stages = {
        name: {
            "params": list(sections),
            "deps": [f"pipelines/stages/{name}.py"]
            + (["pipelines/weight.py"] if name == "collective" else []),
        }
        for name, sections in STAGES.items()
    }
    (top / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    shipped = planner_runs.REPOSITORY / "params.yaml"
    shutil.copy(shipped, top / "params.yaml")
    monkeypatch.setattr(planner_runs, "REPOSITORY", top)
    return top


def read(*changes: str) -> Settings:
    return planner_runs.read_settings(changes, threads=1)


def make(root: Path, *changes: str, clustering: int = 0, seed: int = 0) -> Path:
    settings = read(*changes)
    return make_planner(settings, make_clustering(settings, clustering, root), seed, root).folder


def times_run(folder: Path) -> dict[str, int]:
    """How often each stage ran whose artefact lies in the folder."""
    found = (folder / paths.ARTIFACTS).iterdir()
    return {file.name: len(file.read_text().splitlines()) for file in sorted(found)}


ONCE = dict.fromkeys(sorted(STAGES), 1)


def test_a_second_command_finds_everything_made(house: Path, tmp_path: Path) -> None:
    folder = make(tmp_path / "runs")
    assert times_run(folder) == ONCE
    assert make(tmp_path / "runs") == folder
    assert times_run(folder) == ONCE


def test_a_stage_that_changed_is_run_again_with_all_behind_it_and_no_other(
    house: Path, tmp_path: Path
) -> None:
    folder = make(tmp_path / "runs")
    (house / "pipelines/weight.py").write_text("WEIGHT = 2\n")  # a dep of collective
    assert make(tmp_path / "runs") == folder
    again = {"collective": 2, "recommender": 2}
    world = next((tmp_path / "runs").glob("clustering_*"))
    assert times_run(world).items() >= {"clusters": 1, "curate": 1, **again}.items()
    # the planner's folder was filled anew, from the new clustering
    assert times_run(folder) == ONCE | again


def test_other_settings_get_other_folders_only_where_they_matter(
    house: Path, tmp_path: Path
) -> None:
    root = tmp_path / "runs"
    first = make(root)
    assert make(root, "plan.recency=0.5") == first
    assert make(root, "split.end=2024-01-01") != first
    assert make(root, "table.depth=20") != first
    assert make(root, seed=1) != first
    assert len(list(root.glob("clustering_*"))) == 2
    assert times_run(first) == ONCE


def test_a_run_that_broke_off_goes_on_where_it_stood(house: Path, tmp_path: Path) -> None:
    root = tmp_path / "runs"
    (tmp_path / "stop_planner").touch()
    with pytest.raises(UserError, match=r"stage planner .*told to stop"):
        make(root)
    (tmp_path / "stop_planner").unlink()
    assert times_run(make(root)) == ONCE | {"planner": 2}


def test_the_data_are_read_once_for_all_origins(house: Path, tmp_path: Path) -> None:
    folder = make_data(read(), tmp_path)
    assert make_data(read("clusters.levels=[2]"), tmp_path) == folder
    assert times_run(folder) == {"ingest": 1}
    assert make_data(read("dataset.source=movielens"), tmp_path) != folder


@pytest.mark.parametrize("change", ["split", "origins=3", "=3", "split.origins"])
def test_a_change_of_another_form_is_refused(change: str) -> None:
    with pytest.raises(UserError, match=r"section\.key=value"):
        read(change)


def test_changes_reach_the_settings_and_times_stay_text(house: Path) -> None:
    settings = read(
        "split.test_start=2018-10-28", "planner.lora.rank=4", "gates.table.min_coverage_at_5=1"
    )
    assert settings["split"]["test_start"] == "2018-10-28"
    assert settings["planner"]["lora"]["rank"] == 4
    assert settings["gates"]["table"]["min_coverage_at_5"] == 0.0  # no gate stops a benchmark
    assert settings["runtime"]["threads"] == 1
