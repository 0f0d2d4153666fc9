"""The ingest stage: what it leaves for each source, and that a bad input leaves nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import yaml

from expectations.contracts.errors import UserError
from expectations.contracts.tables import INTERACTIONS, ITEMS
from pipelines.io import command, paths
from pipelines.io.artefact_io import read_json, read_table
from pipelines.params.params import read_params
from pipelines.stages import ingest
from tests.worlds.sources import logs, write_grouplens, write_logs

ROOT = Path(__file__).resolve().parents[3]

Spoil = Callable[[Path], None]


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to run the stage in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def set_params(dataset: dict[str, object], **sections: object) -> None:
    content = {"dataset": dataset, "split": {"origins": 1}, **sections}
    Path("params.yaml").write_text(yaml.safe_dump(content))


def what_is_left() -> list[str]:
    """Every file below artifacts/, and anything half-written anywhere."""
    written = [str(path) for path in Path("artifacts").rglob("*") if path.is_file()]
    return written + [str(path) for path in Path().rglob("*.partial*")]


def test_files_become_tables_a_timeline_and_an_empty_truth() -> None:
    write_logs(Path("raw"), *logs())
    set_params({"source": "files", "path": "raw"})
    ingest.main(read_params())
    assert read_table(paths.ITEMS, ITEMS).height == 8
    assert read_table(paths.INTERACTIONS, INTERACTIONS).height == 30
    assert read_json(paths.TRUTH / "about.json") == {"available": False}
    assert set(read_json(paths.TIMELINE)) == {
        *("schema", "validation_origins", "test_origins", "end")
    }
    assert not list(Path().rglob("*.partial*"))


def test_movielens_ratings_get_the_usual_threshold() -> None:
    write_grouplens(Path("ml"), "dat")
    set_params({"source": "movielens", "path": "ml"})
    ingest.main(read_params())
    log = read_table(paths.INTERACTIONS, INTERACTIONS)
    assert log["is_positive"].sum() == 7


def test_the_synthetic_world_leaves_its_truth_apart() -> None:
    catalogue = ROOT / "pipelines/sources/synthetic/catalogue.yaml"
    sizes = {"n_users": 60, "n_items": 200}
    set_params({"path": str(catalogue), "synthetic": sizes}, split={})
    ingest.main(read_params())
    assert read_json(paths.TRUTH / "about.json")["available"] is True
    assert read_table(paths.ITEMS, ITEMS).height == 200
    assert read_table(paths.INTERACTIONS, INTERACTIONS)["user_id"].n_unique() == 60


def test_what_happened_from_the_end_on_is_left_out_of_every_source() -> None:
    catalogue = str(ROOT / "pipelines/sources/synthetic/catalogue.yaml")
    write_logs(Path("raw"), *logs())
    sources: list[dict[str, object]] = [
        {"path": catalogue, "synthetic": {"n_users": 60, "n_items": 200}},
        {"source": "files", "path": "raw"},
    ]
    for dataset in sources:
        set_params(dataset)
        ingest.main(read_params())
        log = read_table(paths.INTERACTIONS, INTERACTIONS)
        end = log["timestamp"].sort()[log.height * 2 // 3]
        set_params(dataset, split={"origins": 1, "end": end.isoformat()})
        ingest.main(read_params())
        kept = read_table(paths.INTERACTIONS, INTERACTIONS)
        assert 0 < kept.height < log.height
        assert kept.equals(log.filter(pl.col("timestamp") < end))
        assert read_json(paths.TIMELINE)["end"] <= end.isoformat()


def test_two_runs_write_the_same_bytes() -> None:
    write_logs(Path("raw"), *logs())
    set_params({"source": "files", "path": "raw"})
    ingest.main(read_params())
    first = [path.read_bytes() for path in (paths.ITEMS, paths.INTERACTIONS, paths.TIMELINE)]
    ingest.main(read_params())
    assert first == [
        path.read_bytes() for path in (paths.ITEMS, paths.INTERACTIONS, paths.TIMELINE)
    ]


def spoil_log(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Spoil:
    def spoil(folder: Path) -> None:
        items, log = logs()
        write_logs(folder, items, change(log))

    return spoil


def spoil_items(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Spoil:
    def spoil(folder: Path) -> None:
        items, log = logs()
        write_logs(folder, change(items), log)

    return spoil


def fill(name: str, content: bytes) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return spoil


def set_cell(column: str, value: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    chosen = pl.when(pl.int_range(pl.len()) == 4).then(pl.lit(value)).otherwise(column)
    return lambda frame: frame.with_columns(chosen.alias(column))


JUNK = bytes(range(256)) * 64
LATIN = "user_id,item_id,timestamp\nJosé,i1,2024-01-01\n".encode("latin-1")
LOG_COLUMN = "interactions.csv"

# what is spoilt -> the file that is named, words of the rule, words of the sample
FAULTS: dict[str, tuple[Spoil, str, str, str]] = {
    "missing column": (
        *(spoil_log(lambda log: log.rename({"user_id": "customer"})), LOG_COLUMN),
        *("there is a column 'user_id'", "customer, item_id"),
    ),
    "a blank before a name": (
        *(spoil_log(lambda log: log.rename({"user_id": " user_id"})), LOG_COLUMN),
        *("there is a column 'user_id'", "' user_id', item_id"),
    ),
    "missing title": (
        *(spoil_items(lambda items: items.drop("title")), "items.csv"),
        *("there is a column 'title'", "item_id, description"),
    ),
    "unparsable time": (
        *(spoil_log(set_cell("timestamp", "yesterday")), LOG_COLUMN),
        *("every timestamp is an ISO time", "row 5: 'yesterday'"),
    ),
    "a day that does not exist": (
        *(spoil_log(set_cell("timestamp", "2024-02-31")), LOG_COLUMN),
        *("every timestamp is an ISO time", "row 5: '2024-02-31'"),
    ),
    "no user in a row": (
        *(spoil_log(set_cell("user_id", " ")), LOG_COLUMN),
        *("every row has a user_id", "row 5"),
    ),
    "unknown item": (
        *(spoil_log(set_cell("item_id", "nowhere")), LOG_COLUMN),
        *("every item of an interaction stands in", "nowhere"),
    ),
    "duplicated item ids": (
        *(spoil_items(lambda items: pl.concat([items, items.head(1)])), "items.csv"),
        *("item ids are unique", "i0"),
    ),
    "empty log": (fill(LOG_COLUMN, b""), LOG_COLUMN, "the file has rows", ""),
    "empty catalogue": (fill("items.csv", b""), "items.csv", "the file has rows", ""),
    "header alone": (
        *(spoil_log(lambda log: log.clear()), LOG_COLUMN, "there are interactions", "0"),
    ),
    "catalogue of a header": (
        *(spoil_items(lambda items: items.clear()), "items.csv", "the catalogue has items", "0"),
    ),
    "binary junk": (fill(LOG_COLUMN, JUNK), LOG_COLUMN, "the file is text", r"\x00\x01"),
    "junk catalogue": (fill("items.csv", JUNK), "items.csv", "the file is text", r"\x00\x01"),
    "another encoding": (fill(LOG_COLUMN, LATIN), LOG_COLUMN, "UTF-8", r"Jos\xe9"),
    "ragged lines": (
        *(fill(LOG_COLUMN, b"user_id,item_id,timestamp\na,i1,2024-01-01,1,2\n"), LOG_COLUMN),
        *("every row has 3 cells", "row 1 has 5: a,i1,2024-01-01,1,2"),
    ),
    "one user only": (
        *(spoil_log(lambda log: log.with_columns(user_id=pl.lit("me"))), LOG_COLUMN),
        *("at least 2 users interact", "1"),
    ),
    "no time of our era": (
        *(spoil_log(set_cell("timestamp", "1970-08-23")), LOG_COLUMN),
        *("times lie between 1980 and 2100", "1970-08-23"),
    ),
    "numbers that are no times": (
        *(spoil_log(lambda log: log.with_columns(timestamp=pl.lit("17"))), LOG_COLUMN),
        *("times that can be recognised", "17, 17"),
    ),
    "no catalogue": (
        *(lambda folder: (folder / "items.csv").unlink(), "items.csv", "the file exists", ""),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_input_ends_in_one_line_and_leaves_nothing(fault: str) -> None:
    spoil, file, rule, sample = FAULTS[fault]
    folder = write_logs(Path("raw"), *logs())
    spoil(folder)
    set_params({"source": "files", "path": "raw"})
    with pytest.raises(UserError) as caught:
        ingest.main(read_params())
    error = caught.value
    assert Path(error.where).name == file
    assert rule in error.rule
    assert sample in error.sample
    assert error.remedy
    assert "\n" not in str(error)
    assert len(str(error)) < 600
    assert str(error).isprintable()
    assert what_is_left() == []


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ({"source": "files", "path": "nowhere"}, ["nowhere", "dataset.path"]),
        ({"source": "movielens", "path": "nowhere.zip"}, ["nowhere.zip", "dataset.path"]),
        ({"path": "nowhere.yaml"}, ["nowhere.yaml", "dataset.path"]),
        ({"source": "movielens", "path": "raw"}, ["raw", "ratings.csv"]),
        ({"source": "movielens", "path": "params.yaml"}, ["params.yaml", "is a zip"]),
        ({"source": "netflix"}, ["dataset.source", "'netflix'", "synthetic"]),
        ({"sorce": "files"}, ["dataset.sorce", "'source'"]),
        ({"files": {"titel": "name"}}, ["dataset.files.titel", "'title'"]),
        ({"synthetic": {"n_user": 3}}, ["dataset.synthetic.n_user", "'n_users'"]),
        (
            {"source": "files", "path": "raw", "files": {"feedback": "stars"}}
            | {"positive_threshold": 6.0},
            ["some interactions are positive", "dataset.positive_threshold"],
        ),
    ],
)
def test_a_bad_setting_ends_in_one_line(dataset: dict[str, object], words: list[str]) -> None:
    write_logs(Path("raw"), *logs())
    set_params(dataset)
    with pytest.raises(UserError) as caught:
        ingest.main(read_params())
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    assert what_is_left() == []


def test_junk_named_parquet_is_refused() -> None:
    write_logs(Path("raw"), *logs())
    Path("raw/log.parquet").write_bytes(JUNK)
    mapping = {"interactions_file": "log.parquet"}
    set_params({"source": "files", "path": "raw", "files": mapping})
    with pytest.raises(UserError, match="the file is Parquet"):
        ingest.main(read_params())
    assert what_is_left() == []


@pytest.mark.parametrize("fault", ["unknown item", "binary junk"])
def test_the_command_exits_with_one_line(fault: str, workplace: Path) -> None:
    FAULTS[fault][0](write_logs(workplace / "raw", *logs()))
    set_params({"source": "files", "path": "raw"})
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.stages.ingest"],
        cwd=workplace,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == command.USER_ERROR_STATUS
    assert done.stderr.startswith("error: raw/interactions.csv")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert what_is_left() == []
