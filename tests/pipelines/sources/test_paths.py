"""A path is a path, never a pattern; folders of part files and partitions stand for one table."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import yaml
from dvc.utils.hydra import apply_overrides

from expectations.contracts.errors import UserError
from pipelines.sources.canonical import read_interactions, read_items
from pipelines.sources.config import FilesConfig
from pipelines.sources.files import read_files
from pipelines.sources.raw.part_files import find_parts
from tests.worlds.sources import logs, write_logs

STRANGE = (
    *("run[1]", "run[12]", "a*b", "a?b", "{a,b}", "a b", "a,b", "it's", 'say "hi"', "a=b"),
    *("100%", "a%20b", "#1", "~x", "$HOME", "a;b", "a&b", "(x)", "日本", "-x", "é", "a\\b", "[!a]"),
    *(":x", "x:", "@x", "!x", "null", "1e3", "a|b", "key: value"),
)


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_folder_of_any_name_is_read_and_no_other(name: str, ending: str, tmp_path: Path) -> None:
    items, log = logs()
    # what the name would match if it were a pattern, with another log in it
    for other in ("run1", "axb", "a", "b"):
        if other != name:
            write(tmp_path / other, items, log.head(3), ending)
    write(tmp_path / name, items, log, ending)
    config = FilesConfig(items_file=f"items.{ending}", interactions_file=f"interactions.{ending}")
    raw = read_files(tmp_path / name, config)
    assert read_interactions(raw.interactions, None).height == log.height
    assert read_items(raw.items).height == items.height


@pytest.mark.parametrize("name", STRANGE)
def test_a_file_of_any_name_is_read(name: str, tmp_path: Path) -> None:
    items, log = logs()
    write_logs(tmp_path, items, log)
    for file in ("items", "interactions"):
        (tmp_path / f"{file}.csv").rename(tmp_path / f"{file} {name}.csv")
    config = FilesConfig(
        items_file=f"items {name}.csv", interactions_file=f"interactions {name}.csv"
    )
    raw = read_files(tmp_path, config)
    assert read_interactions(raw.interactions, None).height == log.height
    assert read_items(raw.items).height == items.height


@pytest.mark.parametrize("name", STRANGE)
def test_the_documented_spelling_gives_dvc_the_same_path(name: str, tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    params.write_text("dataset:\n  source: synthetic\n  path: x\n")
    escaped = name.replace("'", "\\'")
    apply_overrides(params, [f"dataset.path='{escaped}'"])
    assert yaml.safe_load(params.read_text())["dataset"]["path"] == name


def write(folder: Path, items: pl.DataFrame, log: pl.DataFrame, ending: str) -> None:
    folder.mkdir(parents=True)
    for name, frame in (("items", items), ("interactions", log)):
        path = folder / f"{name}.{ending}"
        frame.write_csv(path) if ending == "csv" else frame.write_parquet(path)


def as_parts(folder: Path, log: pl.DataFrame, names: list[str]) -> Path:
    """Write a log as one part for each name, in equal pieces."""
    size = -(-log.height // len(names))
    for n, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        piece = log.slice(n * size, size)
        if ".parquet" in name or ".parquet" in folder.name:
            piece.write_parquet(path)
        else:
            piece.write_csv(path)
    return folder


FOLDERS = {
    "Spark's Parquet": ("log.parquet", ["part-00000.snappy.parquet", "part-00001.snappy.parquet"]),
    "Spark's CSV": ("log.csv", ["part-00000-4a.csv", "part-00001-4a.csv"]),
    "Hadoop's text": ("log", ["part-r-00000", "part-r-00001"]),
    "Hive's files": ("log", ["000000_0", "000001_0"]),
    "Dask": ("log.parquet", ["part.0.parquet", "part.1.parquet", "part.2.parquet"]),
    "Hadoop's Parquet without an ending": ("log.parquet", ["part-m-00000", "part-m-00001"]),
    "folders in folders": ("log.parquet", ["a/x.parquet", "b/c/y.parquet"]),
    "brackets in names": ("log[1].csv", ["part[0].csv", "part[1].csv", "p*.csv"]),
    "one part": ("log.parquet", ["part-0.parquet"]),
}


@pytest.mark.parametrize("kind", FOLDERS)
def test_a_folder_of_parts_is_one_table(kind: str, tmp_path: Path) -> None:
    folder, names = FOLDERS[kind]
    items, log = logs()
    items.write_csv(tmp_path / "items.csv")
    as_parts(tmp_path / folder, log, names)
    for extra in ("_SUCCESS", ".part-00000.crc", "_committed_12", ".hidden.parquet", "_metadata"):
        (tmp_path / folder / extra).write_bytes(b"\0\1")
    raw = read_files(tmp_path, FilesConfig(interactions_file=folder))
    table = read_interactions(raw.interactions, None)
    assert table.height == log.height
    rows = raw.record.rows_of(tmp_path / folder)
    assert rows is not None
    assert rows.rows_read == log.height


def test_partitions_are_columns(tmp_path: Path) -> None:
    items, log = logs()
    items.write_csv(tmp_path / "items.csv")
    for user, piece in log.with_columns(
        user_id=pl.col("user_id").str.replace("u1", "u 1/[x]")
    ).group_by("user_id"):
        name = str(user[0]).replace(" ", "%20").replace("/", "%2F")
        folder = tmp_path / "log" / "day=2024-05-31" / f"user_id={name}"
        folder.mkdir(parents=True)
        piece.drop("user_id").write_csv(folder / "part-0.csv")
    raw = read_files(tmp_path, FilesConfig(interactions_file="log"))
    table = read_interactions(raw.interactions, None)
    assert table.height == log.height
    users = table["user_id"].cast(pl.String).unique().sort().to_list()
    assert users == ["u 1/[x]", "u0", "u2", "u3", "u4", "u5"]


def test_a_partition_without_a_value_is_no_user(tmp_path: Path) -> None:
    items, log = logs()
    items.write_csv(tmp_path / "items.csv")
    folder = tmp_path / "log" / "user_id=__HIVE_DEFAULT_PARTITION__"
    folder.mkdir(parents=True)
    log.drop("user_id").write_csv(folder / "part-0.csv")
    raw = read_files(tmp_path, FilesConfig(interactions_file="log"))
    with pytest.raises(UserError, match="every row has a user_id"):
        read_interactions(raw.interactions, None)


def test_a_bad_cell_is_named_by_its_part(tmp_path: Path) -> None:
    items, log = logs()
    items.write_csv(tmp_path / "items.csv")
    spoilt = log.with_columns(
        timestamp=pl.when(pl.int_range(30) == 17).then(pl.lit("soon")).otherwise("timestamp")
    )
    as_parts(tmp_path / "log", spoilt, ["part-0.csv", "part-1.csv"])
    raw = read_files(tmp_path, FilesConfig(interactions_file="log"))
    with pytest.raises(UserError, match=r"part-1\.csv: .*row 3: 'soon'"):
        read_interactions(raw.interactions, None)


def test_an_empty_part_is_no_loss(tmp_path: Path) -> None:
    items, log = logs()
    items.write_csv(tmp_path / "items.csv")
    as_parts(tmp_path / "log", log, ["part-0.csv", "part-1.csv"])
    (tmp_path / "log" / "part-2.csv").touch()
    (tmp_path / "log" / "part-3.csv").write_text(",".join(log.columns) + "\n")
    raw = read_files(tmp_path, FilesConfig(interactions_file="log"))
    assert read_interactions(raw.interactions, None).height == log.height


BROKEN = {
    "nothing in it": ([], {}, "holds part files"),
    "nothing but hidden files": ([], {"_SUCCESS": b"", ".x.csv": b"a"}, "holds part files"),
    "an export that was not finished": (["p.csv"], {"_temporary/0/p": b"x"}, "was finished"),
    "two kinds": (["p.csv"], {"q.parquet": b"PAR1"}, "of one kind"),
    "a file of another kind": (["p.csv"], {"README.md": b"x"}, "nothing but Parquet or text"),
    "a part without the columns": (["p.csv"], {"q.csv": b"a,b\n1,2\n"}, "there is a column"),
    "a part outside of partitions": (["a=1/p.csv"], {"q.csv": b"a,b\n1,2\n"}, "same partitions"),
    "only empty parts": ([], {"p.csv": b"", "q.csv": b""}, "some part has rows"),
    "a damaged part": (["p.parquet"], {"q.parquet": b"PAR1junk"}, "the file is Parquet"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_folder_that_is_no_table_ends_in_one_line(kind: str, tmp_path: Path) -> None:
    names, others, rule = BROKEN[kind]
    items, log = logs()
    items.write_csv(tmp_path / "items.csv")
    folder = tmp_path / "log"
    folder.mkdir()
    if names:
        as_parts(folder, log, names)
    for name, content in others.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=rule) as caught:
        read_interactions(
            read_files(tmp_path, FilesConfig(interactions_file="log")).interactions, None
        )
    assert str(caught.value).isprintable()


def test_parts_of_other_types_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "log.parquet"
    folder.mkdir()
    row = {"item_id": ["i"], "timestamp": ["2024-05-31"]}
    pl.DataFrame({"user_id": [1], **row}).write_parquet(folder / "a.parquet")
    pl.DataFrame({"user_id": [1.0], **row}).write_parquet(folder / "b.parquet")
    items, _ = logs()
    items.write_csv(tmp_path / "items.csv")
    with pytest.raises(UserError, match="column 'user_id' is of one type in all parts"):
        read_files(tmp_path, FilesConfig(interactions_file="log.parquet"))


def test_parts_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    _, log = logs()
    as_parts(tmp_path / "log", log, ["b.csv", "a.csv", "c/d.csv"])
    assert [part.path.name for part in find_parts(tmp_path / "log")] == ["a.csv", "b.csv", "d.csv"]
