"""The table stage over breaks and refreshes: kills lose nothing, and only its own table is kept."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import psutil
import pytest
import yaml

from expectations.contracts.errors import UserError
from expectations.contracts.tables import CLUSTERS
from inference.search.arithmetic import is_by_row
from pipelines.io import paths
from pipelines.io.artefact_io import read_json, write_json, write_table
from pipelines.params.params import read_params
from pipelines.reference.metrics import unexplained
from pipelines.stages import table
from tests.worlds.evaluation import N, build_house

REPOSITORY = Path(__file__).resolve().parents[3]
SETTINGS = {
    "score": "open",
    "batch_rows": 4,
    "worker_threads": 1,
}
RUN = {"shard_rows": 8}
GATES = {"min_coverage_at_5": 0.0}
OUTS = (
    paths.NOVEL_CLUSTER_TABLE,
    paths.TABLE_RECORD,
    paths.REFRESH_PAGE,
    paths.metrics_of("table"),
    paths.metrics_of("refresh"),
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("untaught")
    build_house(folder, steps=0)
    return folder


@pytest.fixture
def house(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(built, tmp_path / "house")
    monkeypatch.chdir(tmp_path / "house")
    set_table({})
    return tmp_path / "house"


def set_table(changes: dict[str, object], workers: int = 1, **gates: float) -> None:
    """Set what the stage reads of the house's params.yaml."""
    content = yaml.safe_load(Path("params.yaml").read_text())
    content["table"] = {**SETTINGS, **changes}
    content["table_run"] = {**RUN, "workers": workers}
    content["gates"] = {"table": {**GATES, **gates}}
    Path("params.yaml").write_text(yaml.safe_dump(content))


def rename(clusters: dict[int, str]) -> None:
    """Give clusters of the house other descriptions."""
    nodes = pl.read_parquet(paths.CLUSTERS)
    names = [clusters.get(i, name) for i, name in enumerate(nodes["description"])]
    write_table(nodes.with_columns(description=pl.Series(names)), paths.CLUSTERS, CLUSTERS)


def grow(n_clusters: int) -> None:
    """Give the house more clusters, so that a table takes a while."""
    nodes = pl.read_parquet(paths.CLUSTERS)
    extra = n_clusters - nodes.height
    more = pl.DataFrame(
        {
            "level": [0] * extra,
            "cluster_id": range(N, n_clusters),
            "parent_id": [None] * extra,
            "description": [f"topic number {i}" for i in range(extra)],
            "n_items": [1] * extra,
            "traffic": [0.0] * extra,
            "distinction": [None] * extra,
        },
        schema=nodes.schema,
    )
    write_table(pl.concat([nodes, more]), paths.CLUSTERS, CLUSTERS)


def keep_table() -> str:
    """Copy the finished table away; return the hash that the stage asks for."""
    shutil.copytree(paths.NOVEL_CLUSTER_TABLE.parent, "kept", dirs_exist_ok=True)
    set_table({"previous": {"folder": "kept", "sha256": "0"}})
    with pytest.raises(UserError, match=r"table\.previous\.sha256") as refused:
        table.main(read_params())
    return str(refused.value).split("table.previous.sha256 to ")[1].split(" ")[0]


def test_a_whole_run_leaves_its_outs_and_no_shards(house: Path) -> None:
    table.main(read_params())
    assert all(path.exists() for path in OUTS)
    assert not paths.TABLE_SHARDS.exists()
    figures = read_json(paths.metrics_of("table"))
    assert unexplained("table", figures) == []
    assert figures["certified_share"] == 1
    assert figures["certified_rows"] == figures["rows"]
    assert figures["largest_error_bound"] == 0
    assert read_json(paths.metrics_of("refresh")) == {"is_refresh": 0}
    cost = read_json(paths.PLANNING_COST)
    assert cost["rows_planned"] == figures["rows"]
    assert cost["rows_per_second"] > 0
    assert cost["worker_peak_memory_mb"] > 50


def test_a_refresh_is_the_table_of_a_full_run(
    house: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table.main(read_params())
    pin = keep_table()
    rename({2: "cheese boards", 5: "ghost stories"})
    set_table({})
    table.main(read_params())
    full = pl.read_parquet(paths.NOVEL_CLUSTER_TABLE)
    set_table({"previous": {"folder": "kept", "sha256": pin}}, min_refresh_jaccard=1.0)
    table.main(read_params())
    assert pl.read_parquet(paths.NOVEL_CLUSTER_TABLE).equals(full)
    figures = read_json(paths.metrics_of("refresh"))
    assert unexplained("refresh", figures) == []
    assert (figures["clusters_new"], figures["clusters_gone"]) == (2, 2)
    # all but six clusters and their pairs, where a processor gives a row the same bits in any batch
    n_kept = 21 if is_by_row(read_json(paths.TABLE_RECORD)["arithmetic"]) else 0
    assert figures["rows_planned_anew"] == 36 - n_kept
    assert figures["rows_rescored"] == n_kept
    assert figures["asks_for_fine_tuning"] == 1
    assert "warning: jaccard_at_5 is at least 1" in capsys.readouterr().err
    assert "cheese boards" in paths.REFRESH_PAGE.read_text()


@pytest.mark.parametrize(("what", "other"), [("arithmetic", "another"), ("code", ["another"])])
def test_a_table_that_was_planned_otherwise_is_planned_whole(
    house: Path, what: str, other: object
) -> None:
    table.main(read_params())
    expected = pl.read_parquet(paths.NOVEL_CLUSTER_TABLE)
    record = read_json(paths.TABLE_RECORD)
    write_json({**record, what: other}, paths.TABLE_RECORD)
    pin = keep_table()
    set_table({"previous": {"folder": "kept", "sha256": pin}})
    table.main(read_params())
    assert pl.read_parquet(paths.NOVEL_CLUSTER_TABLE).equals(expected)
    assert read_json(paths.metrics_of("refresh"))["rows_planned_anew"] == 36
    assert "No previous row could be kept: another processor" in paths.REFRESH_PAGE.read_text()
    assert read_json(paths.TABLE_RECORD) == record


def test_a_table_that_may_not_be_refreshed_is_refused(house: Path) -> None:
    table.main(read_params())
    pin = keep_table()
    previous = {"folder": "kept", "sha256": pin}
    set_table({"previous": {**previous, "folder": str(paths.ARTIFACTS / "table")}})
    with pytest.raises(UserError, match="lies outside artifacts"):
        table.main(read_params())
    set_table({"previous": {**previous, "folder": "nowhere"}})
    with pytest.raises(UserError, match=r"holds novel_cluster_table\.parquet"):
        table.main(read_params())
    set_table({"previous": previous, "score_step": 0.01})
    with pytest.raises(UserError, match="score, depth and rounding are those"):
        table.main(read_params())
    set_table({"previous": previous})
    weights = next(paths.PLANNER_ADAPTER.glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes() + b"\0")
    with pytest.raises(UserError, match="the planner is the one that made the previous table"):
        table.main(read_params())


def start_stage() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "pipelines.stages.table"],
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def kill_after(n_shards: int) -> tuple[int, Sequence[psutil.Process]]:
    """Kill the stage, and nothing else, once it has kept so many shards; return what is there."""
    process = start_stage()
    while len(list(paths.TABLE_SHARDS.rglob("*.parquet"))) < n_shards:
        assert process.poll() is None, "the stage ended before it could be killed"
        time.sleep(0.002)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return len(list(paths.TABLE_SHARDS.rglob("*.parquet"))), workers


@pytest.mark.long
@pytest.mark.parametrize(("workers", "kills"), [(1, 2), (2, 1)])
def test_kills_lose_nothing_that_was_kept(house: Path, workers: int, kills: int) -> None:
    grow(60)
    table.main(read_params())
    expected = [path.read_bytes() for path in OUTS]
    for path in OUTS:
        path.unlink()
    set_table({}, workers)
    n_kept = 0
    for _ in range(kills):
        n_kept, orphans = kill_after(n_kept + 20)
        assert not paths.NOVEL_CLUSTER_TABLE.exists()
        _, alive = psutil.wait_procs(orphans, timeout=20)
        assert not alive, "workers outlive the stage that started them"
    assert start_stage().wait() == 0
    assert [path.read_bytes() for path in OUTS] == expected
    cost = read_json(paths.PLANNING_COST)
    assert cost["rows_kept"] >= 8 * n_kept - 8 * len(orphans)
    assert cost["rows_planned"] + cost["rows_kept"] == 60 + 60 * 59 // 2
