"""Every `explorer …` that a page, a message or the Makefile names is one that can be typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from pipelines.commands.app import NAME, build_app
from tests.house.imports import ROOMS, ROOT

APP = typer.main.get_group(build_app())
ENDS = {"&&", "||", ";", "|", ">", "#"}
"""Where a shell takes over, or a comment begins."""


def named_in_prose(text: str) -> Iterator[str]:
    """The commands between backticks, or alone in a block that a shell or Mermaid reads."""
    blocks = re.findall(r"^```.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for block in blocks:
        yield from (line[line.index(f"{NAME} ") :] for line in commands_of(block))
    plain = re.sub(r"^```.*?\n.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for span in re.findall(r"`([^`\n]+)`", plain):
        yield from commands_of(span)


def commands_of(text: str) -> Iterator[str]:
    """What follows the name wherever it begins a command: each up to the end of its line."""
    for line in text.splitlines():
        for part in re.split(r"&&|\|\||[;|]", line.replace("$ ", "")):
            if re.match(rf"\s*@?{NAME} ", part):
                yield part.strip().removeprefix("@")


def parse(command: str) -> None:
    """Parse a command as the application does, and do no more.

    The bare name of a command is taken for a mention of it, whatever it needs.

    Raises:
        typer.TyperException: there is no such command or option, or a value is ill-typed.
    """
    words = shlex.split(command, comments=True)[1:]
    end = next((place for place, word in enumerate(words) if word in ENDS), len(words))
    name, *options = words[:end]
    if name == "--help" or (name == "COMMAND" and options == ["--help"]):
        return
    context = typer.Context(APP, info_name=NAME)
    _, found, _ = APP.resolve_command(context, [name])
    assert found is not None
    if options and options != ["--help"]:
        found.make_context(name, options, parent=context)


def pages() -> list[Path]:
    """The README and the documents, relative to the top."""
    found = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [path.relative_to(ROOT) for path in found]


@pytest.mark.parametrize("page", pages(), ids=str)
def test_commands_of_a_page_can_be_typed(page: Path) -> None:
    for command in named_in_prose((ROOT / page).read_text(encoding="utf-8")):
        parse(command)


def test_the_readme_names_commands() -> None:
    named = list(named_in_prose((ROOT / "README.md").read_text(encoding="utf-8")))
    assert "explorer publish" in named


def test_commands_of_the_makefile_can_be_typed() -> None:
    found = list(commands_of((ROOT / "Makefile").read_text(encoding="utf-8")))
    assert len(found) >= 5
    for command in found:
        parse(command)


def test_commands_in_messages_and_settings_can_be_typed() -> None:
    files = [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    found = [
        command
        for file in (*files, ROOT / "dvc.yaml")
        for span in re.findall(r"`([^`\n]+)`", file.read_text(encoding="utf-8"))
        for command in commands_of(span)
    ]
    assert len(found) >= 10
    for command in found:
        parse(re.sub(r"\[(.*?)\]", r"\1", command))


def test_nothing_tells_people_to_run_a_module_of_commands() -> None:
    suffixes = {".py", ".md", ".yaml", ".txt", ""}
    rooms = (*ROOMS, "docs", "benchmarks")
    files = [path for room in rooms for path in (ROOT / room).rglob("*") if path.is_file()]
    files += [ROOT / name for name in ("README.md", "CHANGELOG.md", "Makefile", "params.yaml")]
    told = {
        module
        for path in files
        if path.suffix in suffixes
        for module in re.findall(r"python -m\s+(pipelines[.\w]*)", path.read_text(encoding="utf-8"))
        if not module.startswith("pipelines.stages.")
    }
    assert told <= {"pipelines.commands", "pipelines.commands.reference", "pipelines.NAME"}


@pytest.mark.parametrize(
    "command",
    ["explorer publsh", "explorer promote --rolback", "explorer sequence-benchmark f --seeds one"],
)
def test_a_command_that_cannot_be_typed_is_found(command: str) -> None:
    (found,) = named_in_prose(f"Run `{command}` now.")
    with pytest.raises(typer.TyperException):
        parse(found)


def test_commands_are_found_where_people_copy_them_from() -> None:
    page = "`explorer report`\n```\nmake x && explorer a; explorer b > c\n$ explorer d\n```\n"
    found = list(named_in_prose(page))
    assert sorted(found) == ["explorer a", "explorer b > c", "explorer d", "explorer report"]
