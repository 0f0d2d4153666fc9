"""Ray plans the same table: on an instance of its own with a worker killed, and on a cluster."""

from __future__ import annotations

import ipaddress
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import psutil
import pytest
import torch

from expectations.contracts.errors import GateError, UserError
from inference.search.config import TableConfig, TableRunConfig
from inference.search.ranking import ContextRanker
from inference.table.bulk import plan_batches
from inference.table.ray_engine import read_folder, write_folder
from inference.table.sources import StoredPlanner
from inference.table.table import batches_of_contexts
from pipelines.io import paths
from pipelines.table.table_shards import ShardFolder
from tests.inference.table.test_bulk import same_bytes
from tests.worlds.evaluation import NAMES, build_house
from tests.worlds.planning import DESCRIPTIONS, DyingPlanner, MadePlanner

CONFIG = TableConfig(batch_rows=4, worker_threads=1)
RUN = TableRunConfig(shard_rows=8, engine="ray", workers=2)
BATCHES = list(batches_of_contexts(len(DESCRIPTIONS), CONFIG.batch_rows))
MADE_OF = {"planner": "this one"}


def run_with(**changes: object) -> TableRunConfig:
    return RUN.model_copy(update=changes)


def plan_here(source: object, batches: Sequence[object], folder: Path) -> pl.DataFrame:
    """The reference: the same rows planned in this process."""
    torch.set_num_threads(1)
    store = ShardFolder(folder, MADE_OF, batches)
    run = run_with(engine="local", workers=1)
    return plan_batches(batches, source, CONFIG, run, store, "")[0]


def test_a_folder_travels_whole(tmp_path: Path) -> None:
    (tmp_path / "from" / "below").mkdir(parents=True)
    (tmp_path / "from" / "a.bin").write_bytes(b"\0\1")
    (tmp_path / "from" / "below" / "b.json").write_text("{}")
    content = read_folder(tmp_path / "from")
    write_folder(content, tmp_path / "to")
    assert read_folder(tmp_path / "to") == content
    assert set(content) == {"a.bin", "below/b.json"}


@dataclass
class Watching:
    """A store that looks, while Ray runs, where the processes it started listen."""

    store: ShardFolder
    addresses: set[str]

    def read(self) -> object:
        return self.store.read()

    def keep(self, shard: object) -> None:
        started = psutil.Process().children(recursive=True)
        for process in (psutil.Process(), *started):
            with suppress(psutil.NoSuchProcess):  # it may have ended since it was listed
                for connection in process.net_connections(kind="inet"):
                    if connection.status == psutil.CONN_LISTEN:
                        self.addresses.add(connection.laddr.ip)
        self.store.keep(shard)


@pytest.mark.long
def test_a_killed_actor_costs_nothing_and_nobody_outside_can_reach_ray(tmp_path: Path) -> None:
    dying = DyingPlanner(CONFIG, fatal=(3, 8), deaths=tmp_path / "deaths")
    store = Watching(ShardFolder(tmp_path / "ray", MADE_OF, BATCHES), set())
    found, cost = plan_batches(BATCHES, dying, CONFIG, RUN, store, "")
    assert dying.deaths.stat().st_size == 1  # it was killed, once
    assert cost.rows_planned == found.height
    assert same_bytes(found, plan_here(MadePlanner(CONFIG), BATCHES, tmp_path / "here"))
    assert store.addresses
    assert all(ipaddress.ip_address(a.removeprefix("::ffff:")).is_loopback for a in store.addresses)
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


@dataclass(frozen=True)
class Refusing(MadePlanner):
    def open(self, folders: Sequence[Path]) -> ContextRanker:
        raise GateError("planner", "it opens", "train it", "closed")


@pytest.mark.long
def test_an_error_of_an_actor_arrives_whole(tmp_path: Path) -> None:
    store = ShardFolder(tmp_path / "shards", MADE_OF, BATCHES)
    run = run_with(workers=1)
    with pytest.raises(GateError, match=r"planner: it opens \(found: closed\)"):
        plan_batches(BATCHES, Refusing(CONFIG), CONFIG, run, store, "")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """A Ray cluster that somebody else has started, in another folder; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "elsewhere").mkdir()
    log = tmp_path / "ray.log"
    repository = str(Path(__file__).parents[3])
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
    sizes = [f"--port={port}", "--num-cpus=2", "--object-store-memory=100000000"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *sizes, "--include-dashboard=false"],
            cwd=tmp_path / "elsewhere",
            env=os.environ | {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "PYTHONPATH": repository},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    while "Ray runtime started" not in log.read_text():
        assert process.poll() is None, log.read_text()
        time.sleep(0.2)
    yield f"127.0.0.1:{port}"
    for started in (*psutil.Process(process.pid).children(recursive=True), process):
        started.kill()  # asked politely, Ray takes half a minute
    process.wait()


@pytest.mark.long
def test_a_cluster_is_sent_the_planner(
    cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "house").mkdir()
    monkeypatch.chdir(tmp_path / "house")
    build_house(tmp_path / "house", steps=0)
    run = run_with(ray_address=cluster)
    families = (0,) * len(NAMES)
    source = StoredPlanner(paths.BASE_MODEL, paths.PLANNER_ADAPTER, NAMES, families, CONFIG)
    batches = list(batches_of_contexts(len(NAMES), CONFIG.batch_rows))
    store = ShardFolder(tmp_path / "ray", MADE_OF, batches)
    found, _ = plan_batches(batches, source, CONFIG, run, store, "")
    assert same_bytes(found, plan_here(source, batches, tmp_path / "here"))


def test_ray_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # what `import ray` finds where it is not
    store = ShardFolder(tmp_path / "shards", MADE_OF, BATCHES)
    with pytest.raises(UserError, match=r"table_run\.engine: Ray is installed"):
        plan_batches(BATCHES, MadePlanner(CONFIG), CONFIG, RUN, store, "")


@pytest.mark.parametrize("address", ["ray://10.0.0.5:10001", "10.0.0.5", "http://a:1", ""])
def test_an_address_of_another_kind_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="ray_address"):
        TableRunConfig(ray_address=address)


def test_a_cluster_that_is_not_there_is_named(tmp_path: Path) -> None:
    store = ShardFolder(tmp_path / "shards", MADE_OF, BATCHES)
    run = run_with(ray_address="127.0.0.1:1")
    with pytest.raises(UserError, match=r"127\.0\.0\.1:1: a Ray cluster answers there"):
        plan_batches(BATCHES, MadePlanner(CONFIG), CONFIG, run, store, "")
