"""The command that gives new items their clusters: known ones keep theirs, errors are one line."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from expectations.contracts.errors import UserError
from expectations.contracts.tables import ITEM_CLUSTERS
from pipelines.clusters.assign_items import assign_new_items
from pipelines.commands import app
from pipelines.io import paths
from pipelines.io.artefact_io import read_table
from pipelines.io.command import run_command
from pipelines.params.params import read_params
from pipelines.stages import clusters as stage
from tests.pipelines.stages.test_clusters import PARAMS, lay_out
from tests.worlds.clusters import build_topic_world

WORLD = build_topic_world()
NEW = """item_id,title,description
x1,Espresso for beginners,The grinder and the roast decide.
i0000,Something else altogether,
x2,,
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working tree as the stage clusters leaves it."""
    root = tmp_path_factory.mktemp("tree")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        lay_out(WORLD)
        Path("params.yaml").write_text(PARAMS, encoding="utf-8")
        stage.main(read_params())
        Path("new.csv").write_text(NEW, encoding="utf-8")
    return root


@pytest.fixture(autouse=True)
def there(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)


def test_new_items_are_placed_and_known_ones_keep_their_clusters(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app.run(["assign-items", "new.csv", "--output", "found.csv"])
    said = capsys.readouterr()
    assert said.out == ""
    assert (
        "in no cluster, since nothing the tree knows can be read of them: 1 items (x2)" in said.err
    )
    found = pl.read_csv("found.csv")
    names = ["item_id", "is_new", "level_0", "level_1", "description", "similarity", "margin"]
    assert found.columns == names
    assert found["item_id"].to_list() == ["i0000", "x1", "x2"]
    assert found["is_new"].to_list() == [False, True, True]
    members = read_table(paths.ITEM_CLUSTERS, ITEM_CLUSTERS)
    kept = members.filter(pl.col("item_id") == "i0000").sort("level")["cluster_id"].to_list()
    assert list(found.row(0)[2:4]) == kept
    coffee = WORLD.items.filter(pl.col("title").str.contains("coffee"))
    homes = members.filter(pl.col("level") == 1).join(coffee, on="item_id", how="semi")
    assert found["level_1"][1] == homes["cluster_id"].mode().item()
    # nothing can be read of x2, so it is in no cluster, and that is said
    assert found.filter(pl.col("item_id") == "x2").row(0) == ("x2", True, *(None,) * 5)
    assert found["margin"].is_null().to_list() == [True, False, True]
    app.run(["assign-items", "new.csv"])
    assert capsys.readouterr().out == Path("found.csv").read_text(encoding="utf-8")


def test_the_log_of_a_new_item_counts_where_a_log_is_given() -> None:
    coffee = WORLD.items.filter(pl.col("title").str.contains("coffee"))["item_id"]
    pl.DataFrame({"item_id": ["x3"], "title": ["x3"]}).write_csv("plain.csv")
    shelf = coffee.to_list()
    rows = [(f"n{user}", shelf[(user + step) % 12], step) for user in range(20) for step in (1, 3)]
    rows += [(f"n{user}", "x3", 2) for user in range(20)]
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    log.with_columns(pl.col("timestamp") + 1_700_000_000).write_csv("log.csv")
    found = assign_new_items(Path("plain.csv"), Path("log.csv"))
    assert found["description"].item() == _description_of(coffee)


def test_the_table_items_itself_is_read_with_its_categories() -> None:
    found = assign_new_items(paths.ITEMS, None)
    assert found.height == WORLD.items.height
    assert not found["is_new"].any()


FAULTS = {
    "an id twice": ("item_id,title\na,A\na,B\n", "item ids are unique (found: a)"),
    "an id twice, once with blanks": ("item_id,title\na,A\n a ,B\n", "item ids are unique"),
    "an id twice, of the tree": ("item_id,title\ni0000,A\ni0000,B\n", "item ids are unique"),
    "an id twice as a float": ("item_id,title\n1.0,A\n1.0,B\n", "item ids are unique (found: 1)"),
    "two ids twice": ("item_id,title\na,A\nb,A\na,B\nb,B\n", "item ids are unique (found: a, b)"),
    "only a header": ("item_id,title\n", "the file has rows"),
    "a header without its line end": ("item_id,title", "the file has rows"),
    "empty lines": ("item_id,title\n\n,\n  \n", "the file has rows"),
    "an empty file": ("", "the file has rows"),
    "nothing but line ends": ("\n\n", "the file is UTF-8 text"),
    "a row without an id": ("item_id,title\na,A\n,B\n", "every row has a item_id"),
    "an id of blanks": ("item_id,title\na,A\n  ,B\n", "every row has a item_id"),
    "an id that is a marker": ("item_id,title\na,A\nNaN,B\n", "every row has a item_id"),
    "a tab in an id": ("item_id,title\na,A\nb\tc,B\n", "every row has a item_id"),
    "an id too long": (f"item_id,title\n{'x' * 257},A\n", "every row has a item_id"),
    "a short row": ("item_id,title,text\na,A,x\nb,B\n", "every row has 3 cells"),
    "no column of ids": ("id,title\na,A\n", "there is a column 'item_id'"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_that_is_no_catalogue_ends_in_one_line_and_status_2(
    fault: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    content, rule = FAULTS[fault]
    (tmp_path / "new.csv").write_text(content, encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        run_command(lambda: app.run(["assign-items", str(tmp_path / "new.csv")]))
    said = capsys.readouterr()
    assert ended.value.code == 2
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert rule in said.err


@pytest.mark.parametrize("ids", [["a", None], [1.0, None], [1.5, 2.0], [[1], [2]], [None, None]])
def test_parquet_with_ids_that_are_none_ends_in_one_line(tmp_path: Path, ids: list[object]) -> None:
    pl.DataFrame({"item_id": ids, "title": ["A", "B"]}).write_parquet(tmp_path / "new.parquet")
    with pytest.raises(UserError, match="item_id"):
        assign_new_items(tmp_path / "new.parquet", None)


def test_files_and_trees_that_are_not_there_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="the file exists"):
        assign_new_items(Path("nowhere.csv"), None)
    (tmp_path / "params.yaml").write_text(PARAMS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="dvc repro"):
        assign_new_items(Path("new.csv"), None)


def _description_of(items: pl.Series) -> str:
    found = assign_new_items(paths.ITEMS, None)
    of_items = found.filter(pl.col("item_id").is_in(items.implode()))["description"]
    return str(of_items.mode().item())
