"""The command line lists all there is, answers at once, and says a slip in one line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import typer

from pipelines.commands import app, reference
from pipelines.io.command import run_command
from tests.house.imports import ROOT

MODULES = [module for group in app.GROUPS.values() for module in group]
NAMES = [app.name_of(module) for module in MODULES]
FRAME = {"__init__", "__main__", "app", "reference"}
HEAVY = ("feast", "torch", "mlflow", "great_expectations", "dvc", "polars", "pandas", "numpy")


def start(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, with this checkout's code."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_every_file_of_the_folder_is_a_command() -> None:
    files = {file.stem for file in (ROOT / "pipelines/commands").rglob("*.py")} - FRAME
    assert sorted(files) == sorted(name.replace("-", "_") for name in NAMES)


def test_the_installed_script_lists_every_command_by_group() -> None:
    shown = start(str(Path(sys.executable).with_name(app.NAME)), "--help")
    assert shown.returncode == 0, shown.stderr
    places = [shown.stdout.find(f"│ {name} ") for name in NAMES]
    assert min(places) > 0
    assert places == sorted(places)
    assert all(group in shown.stdout for group in app.GROUPS)
    assert start(sys.executable, "-m", "pipelines.commands").stdout == shown.stdout


@pytest.mark.parametrize("module", MODULES, ids=NAMES)
def test_the_help_of_a_command_ends_with_an_example_of_it(
    module: app.Command, capsys: pytest.CaptureFixture[str]
) -> None:
    app.run([app.name_of(module), "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert said.endswith(f"Example: {module.EXAMPLE}")
    assert module.EXAMPLE.split()[:2] == [app.NAME, app.name_of(module)]


def test_help_waits_for_no_library_that_takes_seconds_to_import() -> None:
    check = f"import sys, pipelines.commands.app; print({{*{HEAVY}}} & set(sys.modules))"
    assert start(sys.executable, "-c", check).stdout == "set()\n"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["promte"], "explorer: No such command 'promte'. Did you mean 'promote'"),
        (["promote", "--rolback"], "explorer promote: No such option: --rolback"),
        (["promote", "--why"], "explorer promote: Option '--why' requires an argument"),
        (["promote", "version-1"], "explorer promote: Got unexpected extra argument"),
        (["keep-tree"], "explorer keep-tree: Missing argument"),
        (["sequence-benchmark", "f", "--seeds", "one"], "explorer sequence-benchmark: Invalid"),
        (["forget-user"], "explorer forget-user: Missing argument"),
    ],
)
def test_a_slip_is_one_line_that_says_where_help_is(
    typed: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run_command(lambda: app.run(typed))
    assert ended.value.code == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert line.startswith(f"error: {said}")
    assert line.rstrip().endswith("--help`")


def test_a_user_error_keeps_its_line_and_status(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.commands", "check-params"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: params.yaml: the file exists. Remedy: run from the top of the repository\n"
    )


def test_a_build_without_the_list_of_forgotten_people_is_refused(tmp_path: Path) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    check = [sys.executable, "-m", "pipelines.commands", "check-params"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run = partial(subprocess.run, check, cwd=tmp_path, env=environment, capture_output=True)
    absent = run(check=False)
    assert absent.returncode == 2
    assert absent.stderr.decode().startswith(
        "error: var/forgotten_users.txt: the list of forgotten people exists. Remedy: `git checkout"
    )
    (tmp_path / "var").mkdir()
    shutil.copy(ROOT / "var" / "forgotten_users.txt", tmp_path / "var")
    assert run(check=False).returncode == 0


def test_the_reference_has_every_command_with_its_options_and_example() -> None:
    text = "\n".join(reference.describe_commands())
    group = typer.main.get_group(app.build_app())
    for module, name in zip(MODULES, NAMES, strict=True):
        section = text.split(f"### `{app.NAME} {name}`")[1].split("\n## ")[0].split("\n### ")[0]
        assert f"Example: `{module.EXAMPLE}`" in section
        for parameter in group.commands[name].params:
            assert (parameter.opts[0] if parameter.opts else parameter.name) in section
