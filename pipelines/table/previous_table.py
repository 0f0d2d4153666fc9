"""Finds the table that ``table.previous`` pins, and whether it may be refreshed by this planner."""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from expectations.contracts.content_hash import hash_files
from expectations.contracts.durable import schema_of
from expectations.contracts.errors import UserError
from expectations.contracts.tables import NOVEL_CLUSTER_TABLE
from inference.search.config import TableConfig
from inference.table.partial_run import PreviousTable
from inference.table.plan_table import PlanTable
from pipelines.io import paths
from pipelines.io.artefact_io import read_json, read_table
from pipelines.table.table_recipe import (
    RECORD_SCHEMA,
    TableRecipe,
    TableRecord,
    describe_code,
)

SECTION = "table.previous"
OLDER_ROWS = {"families": None, "per_family": 0}
"""What records of rows say that hold the best of all and no more, where they say nothing."""
REMEDY = f"copy {paths.NOVEL_CLUSTER_TABLE.parent} of that build there, or set {SECTION} to null"


def read_previous_table(config: TableConfig, recipe: TableRecipe) -> PreviousTable | None:
    """Return the table that the settings pin; ``None`` if they pin none.

    As with ``clusters.previous``, its content is pinned by hash, since DVC cannot depend on a path
    that may be null.

    Args:
        config: the section ``table``.
        recipe: what the new table will be made of.

    Raises:
        UserError: it is not there, is not the one pinned, or another planner or ranking made it.
    """
    if config.previous is None:
        return None
    folder = Path(config.previous.folder)
    if folder.resolve().is_relative_to(paths.ARTIFACTS.resolve()):
        rule = f"lies outside {paths.ARTIFACTS}/, where stages replace what they made"
        raise UserError(f"{SECTION}.folder", rule, REMEDY, str(folder))
    files = {path.name: folder / path.name for path in _kept_files()}
    for name, file in files.items():
        if not file.is_file():
            raise UserError(f"{SECTION}.folder", f"holds {name}", REMEDY, str(folder))
    found = hash_files(files).sha256
    if found != config.previous.sha256:
        rule = f"the table in {folder} has the content that is pinned"
        remedy = f"set {SECTION}.sha256 to {found} if this is the table you mean"
        raise UserError(f"{SECTION}.sha256", rule, remedy, config.previous.sha256[:12])
    record = read_table_record(files[paths.TABLE_RECORD.name])
    refuse_other_recipe(record, recipe)
    file = folder / paths.NOVEL_CLUSTER_TABLE.name
    frame = read_table(file, NOVEL_CLUSTER_TABLE, may_be_older=True)
    table = PlanTable.from_frame(frame, len(record.descriptions))
    same_code = record.code == describe_code()
    arithmetic = record.arithmetic if same_code else None
    return PreviousTable(
        table, record.descriptions, record.families, frozenset(record.unproven), arithmetic
    )


def refuse_other_recipe(record: TableRecipe, recipe: TableRecipe) -> None:
    """Raise :class:`UserError` unless both name the same planner, and rank in the same way."""
    for before, now, said in (
        (record.base_model, recipe.base_model, "the base model is the one"),
        (record.adapter, recipe.adapter, "the planner is the one"),
        (record.ranking, recipe.ranking, "score, depth and rounding are those"),
    ):
        if before != now:
            rule = f"{said} that made the previous table"
            remedy = f"set {SECTION} to null: every row has to be planned"
            raise UserError(SECTION, rule, remedy, str(before)[:80])


def read_table_record(file: Path) -> TableRecord:
    """Return what is kept beside a table, in this schema or an earlier one.

    Raises:
        UserError: it is of a later schema, or no record.
    """
    content = read_json(file)
    schema_of(content, RECORD_SCHEMA, str(file))
    try:
        return TypeAdapter(TableRecord).validate_python({**OLDER_ROWS, **content})
    except ValidationError as error:
        rule, found = "is the record of a table", str(error.errors()[0]["loc"])
        raise UserError(str(file), rule, REMEDY, found) from None


def _kept_files() -> tuple[Path, Path]:
    return paths.NOVEL_CLUSTER_TABLE, paths.TABLE_RECORD
