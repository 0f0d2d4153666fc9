"""Whatever crosses a stage is guarded: every defect of every table is one clear line."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from expectations.contracts.errors import ContractError, UserError
from expectations.contracts.tables import (
    CASES,
    INTERACTIONS,
    TRANSITIONS,
    USER_CLUSTER_HISTORY,
    USER_ITEM_HISTORY,
    Table,
)
from pipelines.guards.feature_guards import guard_histories, guard_interactions
from pipelines.guards.guards import StageGuards
from pipelines.io import paths
from pipelines.io.artefact_io import read_table, scan_table
from pipelines.io.table_footer import FOOTER_KEY
from pipelines.params.params import read_params
from pipelines.stages import curate, histories
from tests.pipelines.stages.test_curate import lay_out, make_events

TABLES = {
    paths.INTERACTIONS: INTERACTIONS,
    paths.USER_CLUSTER_HISTORY: USER_CLUSTER_HISTORY,
    paths.USER_ITEM_HISTORY: USER_ITEM_HISTORY,
    paths.TRANSITIONS: TRANSITIONS,
    paths.CASES: CASES,
}
FEATURES = (paths.USER_CLUSTER_HISTORY, paths.USER_ITEM_HISTORY)
DEFECTS = ("dropped rows", "a key twice", "a null user", "a missing column")
CHOICES = [
    *((path, defect) for path in TABLES for defect in DEFECTS),
    *((path, "out of order") for path in (paths.INTERACTIONS, *FEATURES)),
    (paths.INTERACTIONS, "NaN"),
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which both stages have run once."""
    folder = tmp_path_factory.mktemp("crossing")
    lay_out(make_events(), folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        histories.main(read_params())
        curate.main(read_params())
    return folder


def spoil(frame: pl.DataFrame, defect: str, row: int) -> pl.DataFrame:
    """Return the table with a defect at a row."""
    row %= frame.height - 1
    if defect == "dropped rows":
        return pl.concat([frame[:row], frame[row + 5 :]])
    if defect == "a key twice":
        return pl.concat([frame[: row + 1], frame[row:]])
    if defect == "a null user":
        is_kept = pl.int_range(pl.len()) != row
        return frame.with_columns(pl.when(is_kept).then("user_id").alias("user_id"))
    if defect == "a missing column":
        return frame.drop(frame.columns[row % frame.width])
    if defect == "NaN":
        return frame.with_columns(feedback=pl.lit(float("nan"), pl.Float32))
    return pl.concat([frame[row + 1 :], frame[: row + 1]])


def put(frame: pl.DataFrame, path: Path, table: Table, schema_number: int, rows: int) -> None:
    """Write a table with a footer that states these, and an entry nobody knows."""
    names = [name for name in table.schema.names if name in frame.columns]
    schema = pa.schema([pa.field(name, table.schema.field(name).type) for name in names])
    footer = f'{{"schema": {schema_number}, "rows": {rows}, "unknown": true}}'
    data = frame.select(names).to_arrow().cast(schema)
    pq.write_table(data.replace_schema_metadata({FOOTER_KEY: footer}), path)


def read_as_stages_do(path: Path) -> None:
    """Read a table in the way of the stages that it reaches."""
    guards = StageGuards(Path("gates.json"))
    if path == paths.INTERACTIONS:
        guard_interactions(guards)
    elif path in FEATURES:
        guard_histories(guards)
    else:
        read_table(path, TABLES[path])


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(choice=st.sampled_from(CHOICES), row=st.integers(0, 10_000))
def test_every_defect_of_every_table_is_one_line(
    built: Path, monkeypatch: pytest.MonkeyPatch, choice: tuple[Path, str], row: int
) -> None:
    path, defect = choice
    monkeypatch.chdir(built)
    whole = path.read_bytes()
    frame = pl.read_parquet(path)
    spoilt = spoil(frame, defect, row)
    # but for dropped rows the footer is right: the declaration or the suite has to tell
    rows = frame.height if defect == "dropped rows" else spoilt.height
    put(spoilt, path, TABLES[path], 1, rows)
    try:
        with pytest.raises(UserError) as met:
            read_as_stages_do(path)
    finally:
        path.write_bytes(whole)
    assert "\n" not in str(met.value)
    assert "Remedy" in str(met.value)


@pytest.mark.parametrize("path", FEATURES)
def test_a_person_without_a_history_stops_curation(
    built: Path, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    monkeypatch.chdir(built)
    whole = path.read_bytes()
    frame = read_table(path, TABLES[path])
    left_out = frame.filter(pl.col("user_id") != frame["user_id"][0])
    put(left_out, path, TABLES[path], 1, left_out.height)
    try:
        with pytest.raises(UserError, match="everybody who acted has a history"):
            curate.main(read_params())
    finally:
        path.write_bytes(whole)


def test_a_defect_reaches_no_stage(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(built)
    whole = {path: path.read_bytes() for path in TABLES}
    frame = spoil(pl.read_parquet(paths.INTERACTIONS), "NaN", 0)
    put(frame, paths.INTERACTIONS, INTERACTIONS, 1, frame.height)
    with pytest.raises(ContractError, match="feedback is a number, not NaN"):
        histories.main(read_params())
    paths.INTERACTIONS.write_bytes(whole[paths.INTERACTIONS])
    frame = pl.read_parquet(paths.USER_CLUSTER_HISTORY)
    put(frame[5:], paths.USER_CLUSTER_HISTORY, USER_CLUSTER_HISTORY, 1, frame.height)
    with pytest.raises(ContractError, match="rows that were written"):
        curate.main(read_params())
    paths.USER_CLUSTER_HISTORY.write_bytes(whole[paths.USER_CLUSTER_HISTORY])


def test_a_table_of_another_program_or_version_is_told(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(built)
    frame = read_table(paths.CASES, CASES)
    file = Path("cases.parquet")
    pq.write_table(frame.to_arrow().cast(CASES.schema), file)
    assert read_table(file, CASES, may_be_older=True).equals(frame)
    with pytest.raises(ContractError, match="a stage of this version wrote the file"):
        read_table(file, CASES)
    with pytest.raises(ContractError, match="a stage of this version wrote the file"):
        scan_table(file, CASES)
    put(frame, file, CASES, 2, frame.height)
    with pytest.raises(ContractError, match="schema 1 or earlier"):
        read_table(file, CASES, may_be_older=True)
    put(frame, file, CASES, 1, frame.height)
    assert read_table(file, CASES).equals(frame)
