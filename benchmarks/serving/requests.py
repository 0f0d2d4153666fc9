"""What the recommendations endpoint bears: requests a second over HTTP, and how long they take.

Run from the top of a working tree with a release in it: `python -m benchmarks.serving.requests`.
The release is published to an empty store of each kind in a temporary folder (own Redis and
PostgreSQL), made champion, and served by the command people use, in one process. Clients keep
their connections and ask for one user after another, drawn among all users of the release, with
the service's defaults: so every answer is made from the store, the table and the recommender. They
run in one process beside the service; CPU time of the service is counted apart.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import polars as pl
import yaml

from expectations.contracts.tables import USER, USER_CLUSTER_HISTORY
from inference.features.online_features import FeatureReader
from inference.release.manifest import read_manifest
from inference.release.release_source import ReleaseSource
from inference.serving.config import ServingConfig
from pipelines.io import paths
from pipelines.io.artefact_io import scan_table
from pipelines.lifecycle.promote import Promoter
from pipelines.lifecycle.publish import publish
from pipelines.online.feature_store import open_store
from pipelines.params.gates import PromotionGates
from pipelines.release.tracking import open_tracking, tracking_uri
from tests.inference.serving.readers import recommendations_of
from tests.servers import (
    SERVICE_START_SECONDS,
    free_port,
    recommendation_service,
)
from tests.worlds.online.stores import STORES, selected_store

CLIENTS = (1, 8, 32)
SECONDS = 20.0
WARM_UP_SECONDS = 5.0
TIMEOUT_SECONDS = 60.0
PER_MILLE = 1000
CARRIED = (paths.ARTIFACTS, paths.METRICS, Path("dvc.lock"), Path("dvc.yaml"))


@dataclass
class Heard:
    """Seconds of each request, how it was answered, and the statuses of those that were not."""

    seconds: list[float] = field(default_factory=list)
    paths: Counter[str] = field(default_factory=Counter)
    failures: Counter[int] = field(default_factory=Counter)


def main() -> None:
    """Print one line a store and number of clients."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving.requests", description=__doc__
    )
    parser.add_argument("--stores", nargs="+", choices=STORES, default=STORES)
    options = parser.parse_args()
    print(
        "store       clients  requests  failed  answers/s  median ms  p99 ms  "
        "answers per CPU second of the service"
    )
    for kind in options.stores:
        with tempfile.TemporaryDirectory() as folder, service(kind, Path(folder)) as (address, pid):
            asyncio.run(ask(address, known_users(), CLIENTS[-1], WARM_UP_SECONDS))
            for n_clients in CLIENTS:
                print(f"{kind:<12}{measure(address, pid, n_clients)}", flush=True)


@contextmanager
def service(kind: str, folder: Path) -> Iterator[tuple[str, int]]:
    """Serve the working tree's release from a store of its own; yield address and process id."""
    here, root, port = Path.cwd(), folder / "tree", free_port()
    with ExitStack() as stack:
        stack.enter_context(selected_store(kind, root))
        for path in CARRIED:
            (root / path).symlink_to(here / path)
        params = yaml.safe_load((here / "params.yaml").read_text())
        params.setdefault("serving", {})["port"] = port
        (root / "params.yaml").write_text(yaml.safe_dump(params))
        publish(open_store(), open_tracking(), read_manifest(paths.RELEASE))
        source, reader = ReleaseSource(tracking_uri()), FeatureReader(open_store)
        promoter = Promoter(
            open_tracking(),
            source,
            reader,
            ServingConfig().probes,
            paths.PROMOTIONS,
            PromotionGates(),
        )
        promoter.promote("benchmark", "to be measured")
        log = folder / "service.log"
        process = stack.enter_context(recommendation_service(root, port, log))
        address = f"http://127.0.0.1:{port}"
        wait_until_ready(address)
        yield address, process.pid


def wait_until_ready(address: str) -> None:
    """Return when a release is in service."""
    end = time.monotonic() + SERVICE_START_SECONDS
    while httpx.get(f"{address}/readyz", timeout=TIMEOUT_SECONDS).status_code != httpx.codes.OK:
        if time.monotonic() > end:
            raise RuntimeError("the service takes no release")
        time.sleep(0.1)


def known_users() -> list[str]:
    """Return the users of the release, in a random order that is always the same."""
    histories = scan_table(paths.USER_CLUSTER_HISTORY, USER_CLUSTER_HISTORY)
    users = histories.select(pl.col(USER.name).unique().sort()).collect()[USER.name].to_list()
    return [users[index] for index in np.random.default_rng(0).permutation(len(users))]


async def ask(address: str, users: Sequence[str], n_clients: int, seconds: float) -> Heard:
    """Let clients ask, each one request after another, for this long."""
    heard, end = Heard(), time.perf_counter() + seconds
    limits = httpx.Limits(max_connections=n_clients)
    async with httpx.AsyncClient(
        base_url=address, limits=limits, timeout=TIMEOUT_SECONDS
    ) as client:

        async def one(number: int) -> None:
            index = number
            while (started := time.perf_counter()) < end:
                answer = await client.get(recommendations_of(users[index % len(users)]))
                heard.seconds.append(time.perf_counter() - started)
                if answer.status_code == httpx.codes.OK:
                    heard.paths[answer.json()["answered_by"]] += 1
                else:
                    heard.failures[answer.status_code] += 1
                index += n_clients

        await asyncio.gather(*(one(number) for number in range(n_clients)))
    return heard


def measure(address: str, pid: int, n_clients: int) -> str:
    """Ask for a while and say how it went."""
    cpu, started = cpu_seconds(pid), time.perf_counter()
    heard = asyncio.run(ask(address, known_users(), n_clients, SECONDS))
    wall, cpu = time.perf_counter() - started, cpu_seconds(pid) - cpu
    count, quantiles = len(heard.seconds), statistics.quantiles(heard.seconds, n=100)
    median, p99 = (quantiles[percent - 1] * PER_MILLE for percent in (50, 99))
    return (
        f"{n_clients:>7}{count:>10,}{heard.failures.total():>8}{count / wall:>11,.0f}"
        f"{median:>11.1f}{p99:>8.1f}{count / cpu:>10,.0f}  {dict(heard.paths)}"
    )


def cpu_seconds(pid: int) -> float:
    """Return what a process has spent in user and in kernel mode."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
