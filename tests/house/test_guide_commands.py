"""Every command that the README and the guides show in a block is run by a test, which is named."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.house.imports import ROOT

REBUILDS, TEAM = "tests/house/builds/test_rebuilds.py", "tests/house/builds/test_team.py"
PAGES = f"{REBUILDS}::test_the_targets_that_serve_pages_serve_them"
EXPERIMENT = f"{REBUILDS}::test_an_experiment_and_a_refresh_go_as_the_guide_says"
HANDS = f"{TEAM}::test_a_release_passes_from_hand_to_hand"
LIFECYCLE = "tests/pipelines/lifecycle"
RUN_BY = {
    "make run": f"{REBUILDS}::test_commands_show_bars_of_ours_alone",  # its commands, one by one
    "make test": "Makefile::test",
    "python -m pytest": "Makefile::test",
    "make serve": PAGES,
    "make tracking-ui": PAGES,
    "make sbom": "tests/deploy/test_sbom.py::test_make_sbom_bills_every_installed_package",
    "curl": PAGES,
    "dvc exp": EXPERIMENT,
    "dvc freeze": EXPERIMENT,
    "dvc plots": f"{REBUILDS}::test_every_plot_of_the_pipeline_is_drawn_from_its_file",
    "dvc repro": f"{REBUILDS}::test_a_second_repro_does_nothing_and_says_so",
    "dvc metrics": HANDS,
    "dvc pull": HANDS,
    "dvc push": HANDS,
    "dvc remote": HANDS,
    "git switch": HANDS,
    "git commit": HANDS,
    "git push": HANDS,
    "explorer publish": HANDS,
    "explorer promote": HANDS,
    "explorer restore": HANDS,
    "explorer collect-garbage": HANDS,
    "explorer build": f"{REBUILDS}::test_a_build_side_by_side_has_the_same_lock",
    "explorer report": f"{REBUILDS}::test_commands_show_bars_of_ours_alone",
    "explorer fetch-base": (
        "tests/pipelines/planner/test_fetch_base.py::"
        "test_the_command_leaves_a_base_model_with_its_licence_and_says_so"
    ),
    "explorer check-params": (
        "tests/pipelines/commands/test_app.py::"
        "test_a_build_without_the_list_of_forgotten_people_is_refused"
    ),
    "explorer calibrate-share": (
        "tests/pipelines/online/test_calibrate_share.py::"
        "test_the_share_moves_by_how_much_more_the_last_explored_item_earns"
    ),
    "explorer list-clusters": f"{REBUILDS}::test_commands_show_bars_of_ours_alone",
    "explorer keep-tree": (
        f"{LIFECYCLE}/test_keep_tree.py::"
        "test_a_kept_tree_is_the_one_of_the_release_and_its_setting_is_printed"
    ),
    "feast -c": "tests/feature_repo/test_feast_commands.py::test_features_over_http",
}
"""By program and first word, the test that runs it; a target of the Makefile is CI's own."""
RUN_WHOLE = {"features.md": "tests/feature_repo/test_features_page.py"}
"""Pages whose blocks a test runs as they stand."""
TOOLS = {key.split()[0] for key in RUN_BY if " " in key}
"""Programs of many commands: the first word tells which."""
SHELL = {"source", "export", "cd", "cp"}
"""What only prepares the shell."""
GUIDES = sorted((ROOT / "docs" / "guide").glob("*.md"))
READ = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *GUIDES]


def blocks_of(page: Path) -> list[tuple[str, str]]:
    """Language and content of every block of a page."""
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^```(.*?)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands_of(shell: str) -> list[str]:
    """Program and first word of every command in a block that a shell reads."""
    found = []
    for line in shell.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        starts = [0, *(place + 1 for place, word in enumerate(words) if word in ("&&", "||", "|"))]
        for start in starts:
            program, *rest = words[start : start + 3] or [""]
            first = rest if rest[:1] == ["-m"] else rest[:1]
            if program and program not in SHELL:
                found.append(" ".join([program, *first]) if program in TOOLS else program)
    return found


@pytest.mark.parametrize("page", READ, ids=lambda page: page.name)
def test_every_command_of_a_page_is_run_by_a_test(page: Path) -> None:
    for language, content in blocks_of(page):
        assert language, f"say what the block is that begins {content[:40]!r}: bash, text, yaml"
        if language == "bash" and page.name not in RUN_WHOLE:
            unrun = [command for command in commands_of(content) if command not in RUN_BY]
            assert not unrun, f"run by no test that RUN_BY names: {unrun}"


@pytest.mark.parametrize(("command", "test"), RUN_BY.items())
def test_what_is_said_to_run_a_command_is_there_and_names_it(command: str, test: str) -> None:
    file, _, name = test.partition("::")
    text = (ROOT / file).read_text(encoding="utf-8")
    begins = rf"^{name}:" if file == "Makefile" else rf"^def {name}\("
    assert re.search(begins, text, re.MULTILINE), test
    for word in command.split()[1:]:  # the program itself may be called by its library
        assert word in text.replace("_", "-"), f"{test} does not name {word}"


def test_a_page_that_runs_whole_is_read_by_its_test() -> None:
    for page, file in RUN_WHOLE.items():
        assert page in (ROOT / file).read_text(encoding="utf-8")


def test_a_command_that_nothing_runs_is_found() -> None:
    assert commands_of("dvc destroy -f\n") == ["dvc destroy"]
    assert commands_of("source x && explorer publish  # c") == ["explorer publish"]
    assert "dvc destroy" not in RUN_BY
