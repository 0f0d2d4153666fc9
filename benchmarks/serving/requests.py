"""What the recommendations endpoint bears beside Feast's server and full-catalogue scoring.

Run from the top of a working tree with a release in it: `python -m benchmarks.serving.requests`.
The release is published to an empty store of each kind in a temporary folder (own Redis and
PostgreSQL), made champion, and served by the commands people use, in one process each, all in one
run and on the same core. A process beside it makes the load: one user of the release after
another, in random order, with the service's defaults, over connections that are kept.

- `asked again`: the whole endpoint, by a thousand people who have done nothing since they asked
  before, so that their plans and their histories' states are kept;
- `first answers`: the same, where nothing is kept;
- `full catalogue`: the first of these, by a recommender that scores all items for every list;
- `feast, user row`: what Feast's server takes to read the user's batch features alone;
- `feast, three reads`: the same, then the live row, then the table's rows that a plan combines.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import psutil
import yaml

from benchmarks.markdown import to_markdown
from benchmarks.serving.load import request_of
from expectations.contracts.tables import RELEASE, USER, USER_CLUSTER_HISTORY
from inference.features.online_features import (
    LIVE_SERVICE,
    PLAN_SERVICE,
    USER_SERVICE,
    FeatureReader,
)
from inference.plans.combine import contexts_to_look_up
from inference.plans.config import PlanConfig
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
from tests.servers import feast_server, free_port, read_when_ready, recommendation_service
from tests.worlds.online.stores import STORES, selected_store

CLIENTS = (1, 32)
SHARE_OF_CAPACITY = 0.7
"""Of what one process answers to clients without a pause; arrivals are then a Poisson process."""
QUIET_RATE = 50.0
"""Requests a second that leave a core mostly idle."""
WARM_UP_SECONDS = 3.0
PER_MILLE = 1000
CARRIED = (paths.ARTIFACTS, paths.METRICS, Path("dvc.lock"), Path("dvc.yaml"))
FULL_CATALOGUE = "benchmarks.serving.full_catalogue"
NOTHING_KEPT = "benchmarks.serving.nothing_kept"
ASKED_AGAIN = 1_000
"""People: fewer than answers are kept of, and as many as are asked while it warms up."""
COLUMNS = (
    "store",
    "what",
    "load",
    "a second",
    "processor ms each",
    "median ms",
    "p99 ms",
    "p99 / median",
    "failed",
)
Users = dict[str, list[int]]
"""History clusters of each, newest first."""


@dataclass(frozen=True)
class Served:
    """A server that is ready.

    Attributes:
        port: of loopback.
        pid: of its first process.
        ready_seconds: from its start on.
    """

    port: int
    pid: int
    ready_seconds: float


Serve = Callable[[], AbstractContextManager[Served]]


def main() -> None:
    """Print a table of what was measured."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving.requests", description=__doc__
    )
    parser.add_argument("--stores", nargs="+", choices=STORES, default=STORES)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each line")
    options = parser.parse_args()
    rows = []
    for kind in options.stores:
        with tempfile.TemporaryDirectory() as folder, published_tree(kind, Path(folder)) as root:
            users, release_id = known_users(), read_manifest(paths.RELEASE).release_id
            ours = [[request_of("GET", recommendations_of(user))] for user in users]
            row, reads = feast_cases(users, release_id)
            contenders: list[tuple[str, Serve, list[list[bytes]]]] = [
                ("asked again", partial(ours_of, root), ours[:ASKED_AGAIN]),
                ("first answers", partial(ours_of, root, NOTHING_KEPT), ours),
                ("full catalogue", partial(ours_of, root, FULL_CATALOGUE), ours),
                ("feast, user row", partial(feast_of, root), row),
                ("feast, three reads", partial(feast_of, root), reads),
            ]
            for name, serve, cases in contenders:
                file = Path(folder) / "cases.json"
                file.write_text(json.dumps([[one.decode() for one in case] for case in cases]))
                with serve() as served:
                    print(f"{kind}, {name}: ready after {served.ready_seconds:.1f} s", flush=True)
                    for line in measure(served, file, options.seconds):
                        rows.append((kind, name, *line))
                        print(rows[-1], flush=True)
    print(to_markdown(COLUMNS, rows, n_texts=3))


@contextmanager
def published_tree(kind: str, folder: Path) -> Iterator[Path]:
    """Publish the working tree's release to a store of its own, and make it champion there."""
    here, root = Path.cwd(), folder / "tree"
    with selected_store(kind, root):
        for path in CARRIED:
            (root / path).symlink_to(here / path)
        (root / "params.yaml").write_text((here / "params.yaml").read_text())
        publish(open_store(), open_tracking(), read_manifest(paths.RELEASE))
        source, reader = ReleaseSource(tracking_uri()), FeatureReader(open_store)
        probes = ServingConfig().probes
        gates = PromotionGates()
        promoter = Promoter(open_tracking(), source, reader, probes, paths.PROMOTIONS, gates)
        promoter.promote("benchmark", "to be measured")
        yield root


@contextmanager
def ours_of(root: Path, module: str = "pipelines.commands") -> Iterator[Served]:
    """Serve recommendations on the first core."""
    port = free_port()
    params = yaml.safe_load((root / "params.yaml").read_text())
    params.setdefault("serving", {})["port"] = port
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    arguments = ["serve"] if module == "pipelines.commands" else ["--port", str(port)]
    started = time.monotonic()
    with ExitStack() as stack:
        log = root / "service.log"
        process = stack.enter_context(recommendation_service(root, port, log, module, *arguments))
        read_when_ready(f"http://127.0.0.1:{port}/readyz")
        yield Served(port, process.pid, time.monotonic() - started)


@contextmanager
def feast_of(root: Path) -> Iterator[Served]:
    """Serve features by Feast on the first core."""
    port, started = free_port(), time.monotonic()
    with feast_server(root, port, root / "feast.log") as process:
        read_when_ready(f"http://127.0.0.1:{port}/health")
        yield Served(port, process.pid, time.monotonic() - started)


def known_users() -> Users:
    """Return the users of the release, in a random order that is always the same."""
    histories = scan_table(paths.USER_CLUSTER_HISTORY, USER_CLUSTER_HISTORY)
    newest = histories.sort("event_timestamp").group_by(USER.name).last().sort(USER.name).collect()
    rows = list(newest.select(USER.name, "history_clusters").iter_rows())
    return dict(rows[index] for index in np.random.default_rng(0).permutation(len(rows)))


def feast_cases(users: Users, release_id: str) -> tuple[list[list[bytes]], list[list[bytes]]]:
    """Return what asks Feast for the user's row, and for all that a recommendation reads."""

    def read(service: str, **entities: Sequence[str]) -> bytes:
        asked = {"feature_service": service, "entities": entities}
        return request_of("POST", "/get-online-features", json.dumps(asked))

    alone, whole = [], []
    for user, history in users.items():
        row = read(USER_SERVICE, **{RELEASE.name: [release_id], USER.name: [user]})
        keys = [context.key for context in contexts_to_look_up(history, PlanConfig())]
        alone.append([row])
        if keys:
            live = read(LIVE_SERVICE, **{USER.name: [user]})
            entities = {RELEASE.name: [release_id] * len(keys), "context_key": keys}
            whole.append([row, live, read(PLAN_SERVICE, **entities)])
    return alone, whole


def measure(served: Served, cases: Path, seconds: float) -> Iterator[tuple[object, ...]]:
    """Yield a line for each load."""
    server = psutil.Process(served.pid)
    pin([server, *server.children(recursive=True)], 0)
    last_core = max(os.sched_getaffinity(0))
    load(served.port, cases, WARM_UP_SECONDS, last_core, "--clients", str(CLIENTS[-1]))
    capacity = 0.0
    loads = [("--clients", str(n), f"{n} clients") for n in CLIENTS]
    loads += [
        ("--rate", "", "70% of that"),
        ("--rate", str(QUIET_RATE), f"{QUIET_RATE:g} a second"),
    ]
    for option, value, name in loads:
        value = value or f"{SHARE_OF_CAPACITY * capacity:.1f}"
        before = cpu_seconds(server)
        heard = load(served.port, cases, seconds, last_core, option, value)
        spent, count = cpu_seconds(server) - before, len(heard["seconds"])
        if option == "--clients":
            capacity = max(capacity, count / heard["wall"])
        quantiles = statistics.quantiles(heard["seconds"], n=100)
        median, p99 = (quantiles[percent - 1] * PER_MILLE for percent in (50, 99))
        yield (
            name,
            f"{count / heard['wall']:,.0f}",
            f"{spent / count * PER_MILLE:.2f}",
            f"{median:.1f}",
            f"{p99:.1f}",
            f"{p99 / median:.1f}",
            sum(Counter(heard["failures"]).values()),
        )


def load(port: int, cases: Path, seconds: float, core: int, *options: str) -> dict:
    """Make load from another process, on a core of its own, and return what it heard."""
    command = [sys.executable, "-m", "benchmarks.serving.load", str(cases), "--port", str(port)]
    command += ["--seconds", str(seconds), "--core", str(core), *options]
    repository = Path(__file__).resolve().parents[2]
    heard: dict = json.loads(subprocess.check_output(command, text=True, cwd=repository))
    return heard


def pin(processes: Sequence[psutil.Process], core: int) -> None:
    """Keep processes, all their threads, on one core."""
    for process in processes:
        for thread in process.threads():
            os.sched_setaffinity(thread.id, {core})


def cpu_seconds(server: psutil.Process) -> float:
    """Return what a server's processes have spent in user and in kernel mode."""
    spent = [one.cpu_times() for one in (server, *server.children(recursive=True))]
    return float(sum(times.user + times.system for times in spent))


if __name__ == "__main__":
    main()
