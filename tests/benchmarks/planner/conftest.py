"""The house whose right answers are known, with a planner that has a table."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from benchmarks.planner.runs import MARKS
from expectations.contracts.tables import CASES, TRANSITIONS
from expectations.contracts.values import HISTORY_SIZE
from pipelines.io import paths
from pipelines.io.artefact_io import read_table, write_table
from pipelines.params.params import read_params
from pipelines.stages import table
from tests.worlds.evaluation import build_house


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("house")
    build_house(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_table(learn_from(read_table(paths.CASES, CASES)), paths.TRANSITIONS, TRANSITIONS)
        table.main(read_params())
        (folder / MARKS).mkdir(parents=True)
        (folder / MARKS / "planner").write_text("as taught")
    return folder


def learn_from(cases: pl.DataFrame) -> pl.DataFrame:
    """TRANSITIONS of the validation cases, and the same of other people for training."""
    history = pl.col("history_clusters")
    asked = cases.filter(pl.col("split") == "validation").select(
        "split",
        "user_id",
        pl.col("origin").alias("event_timestamp"),
        "history_clusters",
        "consumed_clusters",
        history.list.head(HISTORY_SIZE).list.sort().alias("context"),
        pl.col("positives").list.first().alias("target_cluster"),
    )
    others = pl.format("another {}", "user_id").alias("user_id")
    return pl.concat([asked.with_columns(others, split=pl.lit("train")), asked])
