"""`python -m pipelines.commands.reference`: all commands with their help, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator

import typer
from typer.cli import get_docs_for_click

from pipelines.commands.app import GROUPS, NAME, build_app, name_of


def describe_commands() -> Iterator[str]:
    """Yield a section for each group, with a section below it for each of its commands."""
    app = typer.main.get_group(build_app())
    context = typer.Context(app, info_name=NAME)
    for title, modules in GROUPS.items():
        yield f"## {title}\n"
        for module in modules:
            command = app.commands[name_of(module)]
            yield get_docs_for_click(obj=command, ctx=context, indent=2, call_prefix=NAME)


if __name__ == "__main__":
    print("\n".join(describe_commands()).rstrip())
