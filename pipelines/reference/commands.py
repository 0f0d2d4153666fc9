"""The page of commands: what ``explorer --help`` says, command by command."""

from __future__ import annotations

from typing import Any

import typer

from pipelines.commands.app import GROUPS, build_app, name_of
from pipelines.reference.page_text import code, table

INTRODUCTION = """# Commands

`explorer` holds everything a person runs beside `dvc repro`, at the top of a working tree. Each
command has `--help`; a user error ends in one line and status 2 ([errors](errors.md)). `make` has a
target for the usual ones: `run`, `test`, `test-long`, `docs`, `serve`, `report`, `tracking-ui` and
`clean`.
"""


def commands_page() -> str:
    """Return the page of all commands by group."""
    known: dict[str, Any] = getattr(typer.main.get_command(build_app()), "commands")  # noqa: B009
    parts = [INTRODUCTION]
    for group, modules in GROUPS.items():
        parts.append(f"## {group}\n")
        for module in modules:
            name = name_of(module)
            parts.append(_command(name, known[name], module.EXAMPLE))
    return "\n".join(parts)


def _command(name: str, command: Any, example: str) -> str:
    rows = [_option(parameter) for parameter in command.params if parameter.name != "help"]
    options = table(("Option", "Default", "Meaning"), rows) if rows else ""
    said = str(command.help).strip()
    return f"### explorer {name}\n\n{said}\n\n```\n{example}\n```\n\n{options}"


def _option(parameter: Any) -> tuple[str, ...]:
    is_argument = parameter.param_type_name == "argument"
    name = str(parameter.name).upper() if is_argument else ", ".join(parameter.opts)
    given = "" if parameter.default in (None, False, "") else code(str(parameter.default))
    return code(name), "required" if parameter.required else given, str(parameter.help or "")
