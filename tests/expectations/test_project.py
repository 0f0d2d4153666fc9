"""What Great Expectations' own tools find of the guards: suites, checkpoints, a history."""

from __future__ import annotations

import shutil
from pathlib import Path

import great_expectations as gx
import pytest
from great_expectations.data_context import AbstractDataContext

from expectations.gates.bounds import Bound, judge_figures
from expectations.gates.project import RESULTS_KEPT, note_validation, take_in_notes

BOUNDS = (
    Bound("match_rate", 0.95, None, "block", "train the planner for longer"),
    Bound("coverage", 0.5, 1.0, "promote", "spread the training targets"),
)


def record(folder: Path, guard: str, match_rate: float) -> None:
    figures = {"match_rate": match_rate, "coverage": 0.7}
    note_validation(judge_figures(guard, figures, BOUNDS).validation, folder / "notes")
    assert take_in_notes(folder / "notes", folder) == 1


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two guards, one of which broke in its second run and held in its third."""
    folder = tmp_path_factory.mktemp("guards") / "project"
    record(folder, "table", 0.99)
    for match_rate in (0.99, 0.2, 0.98):
        record(folder, "planner", match_rate)
    return folder


def open_project(folder: Path) -> AbstractDataContext:
    """As anybody would, from whatever working directory."""
    return gx.get_context(mode="file", project_root_dir=folder)


def outcomes(context: AbstractDataContext, guard: str) -> list[bool]:
    results = context.validation_results_store
    keys = [k for k in results.list_keys() if k.expectation_suite_identifier.name == guard]
    keys.sort(key=lambda key: key.run_id.run_time)
    return [bool(results.get(key).success) for key in keys]


def test_suites_and_checkpoints_are_listed_with_their_words(project: Path) -> None:
    context = open_project(project)
    assert {suite.name for suite in context.suites.all()} == {"planner", "table"}
    assert {point.name for point in context.checkpoints.all()} == {"planner", "table"}
    notes = [str(expectation.notes) for expectation in context.suites.get("planner").expectations]
    assert any("match_rate is at least 0.95" in n and "train the planner" in n for n in notes)


def test_results_are_a_history(project: Path) -> None:
    context = open_project(project)
    assert outcomes(context, "planner")[:3] == [True, False, True]
    assert outcomes(context, "table")[:1] == [True]


def test_a_checkpoint_runs_again_and_its_pages_tell_the_history(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(project, moved)
    record(moved, "table", 0.1)  # of a tree that was moved
    monkeypatch.chdir(tmp_path)
    context = open_project(moved)
    assert not context.checkpoints.get("table").run().success
    assert outcomes(context, "table") == [True, False, False]
    assert context.checkpoints.get("planner").run().success
    context.build_data_docs()
    pages = list(
        (moved / "gx" / "uncommitted" / "data_docs").rglob("validations/planner/**/*.html")
    )
    assert len(pages) == 4


def test_a_project_that_a_kill_left_unreadable_makes_room_for_a_new_one(tmp_path: Path) -> None:
    record(tmp_path, "table", 0.99)
    settings = tmp_path / "gx" / "great_expectations.yml"
    settings.write_bytes(settings.read_bytes()[:-200] + b"\n  : [")
    record(tmp_path, "table", 0.99)
    assert outcomes(open_project(tmp_path), "table") == [True]
    assert len(list(tmp_path.glob("gx.unreadable.*"))) == 1


def test_only_the_newest_results_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert RESULTS_KEPT > 2
    monkeypatch.setattr("expectations.gates.project.RESULTS_KEPT", 2)
    for match_rate in (0.1, 0.99, 0.98):  # as the stages of a build note, one after the other
        figures = {"match_rate": match_rate, "coverage": 0.7}
        note_validation(judge_figures("planner", figures, BOUNDS).validation, tmp_path / "notes")
    assert take_in_notes(tmp_path / "notes", tmp_path) == 3
    assert take_in_notes(tmp_path / "notes", tmp_path) == 0
    assert outcomes(open_project(tmp_path), "planner") == [True, True]
