"""The command `explorer`: everything a person can run, in groups.

Commands import what they need only when they run: Feast, torch and Great Expectations take
seconds each, and help must not wait for them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Protocol

import typer

from expectations.contracts.errors import UserError
from pipelines.commands import (
    assign_items,
    build,
    check_params,
    collect_garbage,
    keep_tree,
    list_clusters,
    make_key,
    promote,
    publish,
    report,
    restore,
    retire_releases,
    sequence_benchmark,
    serve,
    tracking_ui,
)
from pipelines.commands.events import (
    calibrate_share,
    drop_events,
    export_events,
    forget_user,
    replay_events,
)
from pipelines.commands.planner import explain_plan, fetch_base
from pipelines.io.command import run_command

NAME = "explorer"


class Command(Protocol):
    """What a command's file holds: the function to run, and a line that shows its use."""

    __name__: str
    EXAMPLE: str

    @property
    def command(self) -> Callable[..., None]:
        """The work; its options are its parameters, its help its docstring."""


GROUPS: dict[str, tuple[Command, ...]] = {
    "Build and look": (
        check_params,
        build,
        fetch_base,
        report,
        list_clusters,
        explain_plan,
        tracking_ui,
    ),
    "Release": (publish, promote, restore, retire_releases, collect_garbage, keep_tree),
    "Serve and events": (
        serve,
        make_key,
        assign_items,
        calibrate_share,
        export_events,
        replay_events,
        drop_events,
        forget_user,
    ),
    "Research": (sequence_benchmark,),
}
TAKE_IDS: tuple[Command, ...] = (drop_events, explain_plan, forget_user)
"""Ids are their senders' choice and may begin with a dash: no id is a mistyped option."""


def name_of(module: Command) -> str:
    """Return what is typed to run a command's file."""
    return module.__name__.rpartition(".")[2].replace("_", "-")


def build_app() -> typer.Typer:
    """Return the application: one command for each file, named after it."""
    app = typer.Typer(
        name=NAME,
        add_completion=False,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
    )
    app.callback()(_explorer)
    for group, commands in GROUPS.items():
        for module in commands:
            epilog = f"Example: `{module.EXAMPLE}`"
            settings = {"ignore_unknown_options": module in TAKE_IDS}
            app.command(
                name_of(module), rich_help_panel=group, epilog=epilog, context_settings=settings
            )(module.command)
    return app


def run(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit where it asks for a status of its own.

    Args:
        arguments: what was typed after the name; ``None`` for what this process was given.
            Nothing at all asks for help.

    Raises:
        UserError: there is no such command or option, or a value is missing or ill-typed.
    """
    typed = sys.argv[1:] if arguments is None else arguments
    try:
        status = build_app()(typed or ["--help"], prog_name=NAME, standalone_mode=False)
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        command = context.command_path if context else " ".join([NAME, *typed[:1]])
        remedy = f"see `{command} --help`"
        raise UserError(command, error.format_message().rstrip(".?"), remedy) from None
    if status:
        sys.exit(status)


def main() -> None:
    """Run the command of this process: an error of the user's is one line, and status 2."""
    run_command(run)


def _explorer() -> None:
    """Plan people's next interests, serve and measure them: what is run beside `dvc repro`.

    Run it at the top of a working tree; `explorer COMMAND --help` has an example for each.
    """
