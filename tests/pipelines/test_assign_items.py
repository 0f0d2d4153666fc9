"""The command that gives new items their clusters: known ones keep theirs, errors are one line."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl
import pytest

from expectations.contracts.errors import UserError
from expectations.contracts.tables import ITEM_CLUSTERS
from pipelines import assign_items, paths
from pipelines.artefact_io import read_table
from pipelines.stages import clusters as stage
from tests.pipelines.test_clusters import PARAMS, lay_out
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
        stage.main()
        Path("new.csv").write_text(NEW, encoding="utf-8")
    return root


@pytest.fixture(autouse=True)
def there(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)


def test_new_items_are_placed_and_known_ones_keep_their_clusters(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["assign_items", "new.csv", "--output", "found.csv"])
    assign_items.main()
    assert capsys.readouterr().out == ""
    found = pl.read_csv("found.csv")
    assert found.columns == ["item_id", "is_new", "level_0", "level_1", "description"]
    assert found["item_id"].to_list() == ["i0000", "x1", "x2"]
    assert found["is_new"].to_list() == [False, True, True]
    members = read_table(paths.ITEM_CLUSTERS, ITEM_CLUSTERS)
    kept = members.filter(pl.col("item_id") == "i0000").sort("level")["cluster_id"].to_list()
    assert list(found.row(0)[2:4]) == kept
    coffee = WORLD.items.filter(pl.col("title").str.contains("coffee"))
    homes = members.filter(pl.col("level") == 1).join(coffee, on="item_id", how="semi")
    assert found["level_1"][1] == homes["cluster_id"].mode().item()
    monkeypatch.setattr(sys, "argv", ["assign_items", "new.csv"])
    assign_items.main()
    assert capsys.readouterr().out == Path("found.csv").read_text(encoding="utf-8")


def test_the_company_of_a_new_item_counts_where_a_log_is_given() -> None:
    coffee = WORLD.items.filter(pl.col("title").str.contains("coffee"))["item_id"]
    pl.DataFrame({"item_id": ["x3"], "title": ["x3"]}).write_csv("plain.csv")
    shelf = coffee.to_list()
    rows = [(f"n{user}", shelf[(user + step) % 12], step) for user in range(20) for step in (1, 3)]
    rows += [(f"n{user}", "x3", 2) for user in range(20)]
    log = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    log.with_columns(pl.col("timestamp") + 1_700_000_000).write_csv("log.csv")
    found = assign_items.place_items(Path("plain.csv"), Path("log.csv"))
    assert found["description"].item() == _description_of(coffee)


def test_the_table_items_itself_is_read_with_its_categories() -> None:
    found = assign_items.place_items(paths.ITEMS, None)
    assert found.height == WORLD.items.height
    assert not found["is_new"].any()


def test_files_and_trees_that_are_not_there_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UserError, match="the file exists"):
        assign_items.place_items(Path("nowhere.csv"), None)
    (tmp_path / "params.yaml").write_text(PARAMS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="dvc repro"):
        assign_items.place_items(Path("new.csv"), None)


def _description_of(items: pl.Series) -> str:
    found = assign_items.place_items(paths.ITEMS, None)
    of_items = found.filter(pl.col("item_id").is_in(items.implode()))["description"]
    return str(of_items.mode().item())
