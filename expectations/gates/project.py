"""The guards as a project of Great Expectations: suites, checkpoints, a history of results.

Its own tools open it: ``gx.get_context(mode="file", project_root_dir=...)`` lists everything, runs
a checkpoint again on what its guard saw last, and ``build_data_docs()`` makes pages of the whole
history. A guard only notes what it saw: a project takes a quarter of a second to open and cannot
be written at once. Notes carry the time they were made: never an artefact of a stage.
"""

from __future__ import annotations

import fcntl
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import great_expectations as gx
import pandas as pd
from great_expectations.checkpoint import UpdateDataDocsAction
from great_expectations.core.batch_definition import BatchDefinition
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.data_context import AbstractDataContext
from great_expectations.data_context.types.base import ProgressBarsConfig
from great_expectations.exceptions import GreatExpectationsError

from expectations.gates.engine import Validation, make_suite

SEEN = "seen"
"""The data source, and the folder of what each guard saw last: one row of figures or counts."""
LAST = "last"
RESULTS_KEPT = 50
"""Of each guard, the newest: some hundred kilobytes, and months of daily builds."""


def note_validation(validation: Validation, notes: Path) -> None:
    """Write down what a guard asked and saw, for :func:`take_in_notes`."""
    now = datetime.now(UTC)
    suite = make_suite(validation.name, validation.rules)
    note = {
        "guard": validation.name,
        "time": now.isoformat(),
        "expectations": suite.to_json_dict()["expectations"],
        "seen": validation.frame.to_csv(index=False),
    }
    notes.mkdir(parents=True, exist_ok=True)
    file = notes / f"{now:%Y%m%dT%H%M%S%f}-{validation.name}.json"
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps(note), encoding="utf-8")
    partial.replace(file)


def take_in_notes(notes: Path, folder: Path) -> int:
    """Move what guards noted into the project at ``folder``, and return how many notes there were.

    Processes take turns. A project that a kill left unreadable is moved aside, for a new one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _turn(folder):
        files = sorted(notes.glob("*.json"))
        if files:
            context = _open(folder)
            for file in files:
                _take_in(json.loads(file.read_text(encoding="utf-8")), context, folder)
                file.unlink()
            _keep_newest(context)
    return len(files)


def _open(folder: Path) -> AbstractDataContext:
    try:
        context = gx.get_context(mode="file", project_root_dir=folder.resolve())
    except (GreatExpectationsError, ValueError):
        (folder / "gx").rename(folder / f"gx.unreadable.{datetime.now(UTC):%Y%m%dT%H%M%S}")
        context = gx.get_context(mode="file", project_root_dir=folder.resolve())
    context.enable_analytics(False)
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context


def _take_in(note: dict[str, str], context: AbstractDataContext, folder: Path) -> None:
    """Bring suite and checkpoint of a guard up to date, and judge again what it saw then."""
    name, seen = note["guard"], folder.resolve() / "gx" / SEEN
    seen.mkdir(exist_ok=True)
    frame = pd.read_csv(io.StringIO(note["seen"]))
    frame.to_csv(seen / f"{name}.csv", index=False)
    suite = gx.ExpectationSuite(name=name, expectations=note["expectations"])
    definition = context.validation_definitions.add_or_update(
        gx.ValidationDefinition(
            name=name,
            data=_batch_of(context, name, seen),
            suite=context.suites.add_or_update(suite),
        )
    )
    pages = UpdateDataDocsAction(name="pages")
    context.checkpoints.add_or_update(
        gx.Checkpoint(name=name, validation_definitions=[definition], actions=[pages])
    )
    definition.run(run_id=RunIdentifier(run_time=datetime.fromisoformat(note["time"])))


def _batch_of(context: AbstractDataContext, name: str, seen: Path) -> BatchDefinition:
    """Return what the checkpoint of a guard reads, made where the project does not have it."""
    if SEEN not in context.data_sources.all():
        context.data_sources.add_pandas_filesystem(SEEN, base_directory=seen)
    source = context.data_sources.get(SEEN)
    if source.base_directory != seen:  # the tree was moved
        source.base_directory = seen
        source = context.data_sources.update_pandas_filesystem(source)
    if name not in source.get_asset_names():
        source.add_csv_asset(name).add_batch_definition_path(LAST, path=f"{name}.csv")
    return source.get_asset(name).get_batch_definition(LAST)


def _keep_newest(context: AbstractDataContext) -> None:
    results = context.validation_results_store
    of_guard: dict[str, list[object]] = {}
    for key in sorted(results.list_keys(), key=lambda key: key.run_id.run_time):
        of_guard.setdefault(key.expectation_suite_identifier.name, []).append(key)
    for keys in of_guard.values():
        for key in keys[:-RESULTS_KEPT]:
            results.remove_key(key)


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
