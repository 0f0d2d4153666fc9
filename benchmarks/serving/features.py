"""What online reads and loads cost beside plain Feast and beside the bare client of the store.

Run from the top of the repository: `python -m benchmarks.serving.features`, with `--stores sqlite
redis` and `--clusters 761` by default (289,941 table rows of 50 clusters). It starts its own Redis
and works in a temporary folder.

A read is what one request asks: one user, then the ten contexts of five history clusters.
"raw" encodes the same keys and fetches the same values as bytes, in as few queries as the store
allows (a user lies in two tables in sqlite, in one hash in Redis), and parses nothing; "raw, keys
ready" is handed the encoded keys. All contenders take turns, each with
another case, in one process.
Loads run in a process each, so that the peak of its memory is its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import yaml
from feast import FeatureStore
from feast.protos.feast.types.Value_pb2 import Value

from benchmarks.serving.raw_store import Case, RawStore, open_raw_store
from expectations.contracts import tables
from expectations.contracts.tables import NOVEL_CLUSTER_TABLE, Table
from expectations.contracts.values import BUILD_RELEASE, all_contexts, contexts_of_history
from inference.features.online_features import PLAN_SERVICE, USER_SERVICE, FeatureReader
from pipelines.io import paths
from pipelines.io.artefact_io import read_pieces, write_table
from pipelines.online.feature_store import apply_definitions, open_store
from pipelines.online.online_writes import write_rows
from tests.servers import redis_server

RELEASE_ID = "f" * 64  # as long as a real one
TIME = datetime(2024, 5, 1, tzinfo=UTC)
DEPTH = 50
N_USERS = 2_000
HISTORY = 5
CASES = 400
LOADERS = ("materialize", "write_to_online_store", "write_rows")
BATCH = 5_000
REDIS = "inference.store.online_stores.redis.BulkRedisOnlineStore"


def main() -> None:
    """Load and read on each store, and print two tables."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving.features", description=__doc__
    )
    parser.add_argument(
        "--stores", nargs="+", choices=["sqlite", "redis"], default=["sqlite", "redis"]
    )
    parser.add_argument("--clusters", type=int, default=761)
    parser.add_argument("--load", nargs=2, metavar=("LOADER", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.load:
        loader, folder = options.load
        print(json.dumps(load(loader, Path(folder))))
        return
    for kind in options.stores:
        for loader in LOADERS:
            with world(kind, options.clusters) as root:
                command = [
                    sys.executable,
                    "-m",
                    "benchmarks.serving.features",
                    "--load",
                    loader,
                    str(root),
                ]
                spent = json.loads(subprocess.check_output(command, text=True).splitlines()[-1])
                print(f"{kind:7s} load  {loader:22s} {spent}", flush=True)
                if loader == LOADERS[-1]:
                    read(kind, root, options.clusters)


@contextmanager
def world(kind: str, n_clusters: int) -> Iterator[Path]:
    """Yield a working tree with a table to load, its features applied to an empty store."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        server = redis_server(root) if kind == "redis" else nullcontext("")
        with server as address:
            settings = yaml.safe_load((paths.FEATURE_REPO / "feature_store.yaml").read_text())
            if kind == "redis":
                settings["online_store"] = {"type": REDIS, "connection_string": address}
            (root / paths.FEATURE_REPO).mkdir()
            (root / "var").mkdir()
            file = root / paths.FEATURE_REPO / "feature_store.yaml"
            file.write_text(yaml.safe_dump(settings), encoding="utf-8")
            table = make_table(n_clusters)
            write_table(table, root / paths.NOVEL_CLUSTER_TABLE, tables.NOVEL_CLUSTER_TABLE)
            store = open_store(root)
            apply_definitions(store, root)
            load_users(store, n_clusters)
            yield root


def make_table(n_clusters: int) -> pl.DataFrame:
    """Return a made-up table: every context and its best clusters."""
    rng = np.random.default_rng(0)
    keys = [context.key for context in all_contexts(n_clusters)]
    depth = min(DEPTH, n_clusters - 2)
    first = rng.integers(0, n_clusters, (len(keys), 1))
    clusters = (first + np.arange(depth) * 7) % n_clusters  # distinct as 7 divides no size in use
    scores = -np.sort(rng.random((len(keys), depth), dtype=np.float32), axis=1)
    return pl.DataFrame({"release_id": BUILD_RELEASE, "context_key": keys}).with_columns(
        event_timestamp=pl.lit(TIME).cast(pl.Datetime("us", "UTC")),
        novel_clusters=pl.Series(clusters).cast(pl.List(pl.Int64)),
        scores=pl.Series(scores).cast(pl.List(pl.Float32)),
    )


def load_users(store: FeatureStore, n_clusters: int) -> None:
    """Write users with five history clusters, a dozen consumed ones and two lists of items."""
    rng = np.random.default_rng(1)
    users = [f"user{number}" for number in range(N_USERS)]

    def lists(n: int, prefix: str = "") -> list[list[object]]:
        drawn = [rng.permutation(n_clusters)[:n].tolist() for _ in users]
        return [[f"{prefix}{one}" if prefix else one for one in row] for row in drawn]

    def put(table: Table, **columns: object) -> None:
        frame = pl.DataFrame({"user_id": users, "event_timestamp": [TIME] * N_USERS, **columns})
        write_rows(store, table, [frame], RELEASE_ID, lambda _: None)

    clusters = {"history_clusters": lists(HISTORY), "consumed_clusters": lists(12)}
    put(tables.USER_CLUSTER_HISTORY, **clusters)
    put(tables.USER_ITEM_HISTORY, recent_items=lists(50, "item"), consumed_items=lists(60, "item"))


def load(loader: str, root: Path) -> dict[str, float]:
    """Load the table and return seconds, CPU seconds, and this process's peak memory in MB."""
    store = open_store(root)
    wall, cpu = time.perf_counter(), time.process_time()
    if loader == "materialize":
        span = timedelta(days=1)
        store.materialize(TIME - span, TIME + span, feature_views=[tables.NOVEL_CLUSTER_TABLE.name])
    else:
        pieces = read_pieces(root / paths.NOVEL_CLUSTER_TABLE, BATCH, NOVEL_CLUSTER_TABLE)
        if loader == "write_rows":
            write_rows(store, tables.NOVEL_CLUSTER_TABLE, pieces, RELEASE_ID, lambda _: None)
        else:
            for piece in pieces:
                rows = piece.with_columns(release_id=pl.lit(RELEASE_ID)).to_pandas()
                store.write_to_online_store(tables.NOVEL_CLUSTER_TABLE.name, df=rows)
    return {
        "wall_seconds": round(time.perf_counter() - wall, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "peak_memory_mb": peak_rss_mb(),
    }


def peak_rss_mb() -> int:
    """Return the most memory this process has held; ``getrusage`` counts its parent's, too."""
    status = Path("/proc/self/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) // 1024


def read(kind: str, root: Path, n_clusters: int) -> None:
    """Let every contender read the same cases, and print medians and ratios to raw."""
    rng = np.random.default_rng(2)
    cases = []
    for _ in range(CASES):
        contexts = contexts_of_history(rng.permutation(n_clusters)[:HISTORY].tolist())
        cases.append(Case(RELEASE_ID, f"user{rng.integers(N_USERS)}", tuple(contexts)))
    store, raw = open_store(root), open_raw_store(kind, root)
    ready = {case: raw.encode(case) for case in cases}
    cold, warm = (
        FeatureReader(lambda: open_store(root)),
        FeatureReader(lambda: open_store(root), 50_000),
    )
    contenders: dict[str, Callable[[Case], object]] = {
        "raw": lambda case: raw.fetch(raw.encode(case)),
        "raw, keys ready": lambda case: raw.fetch(ready[case]),
        "plain get_online_features": plain_reader(store),
        "cold": lambda case: read_all(cold, case),
        "warm": lambda case: read_all(warm, case),
    }
    same_bytes(raw, cold, cases[0])
    for case in cases:
        read_all(warm, case)
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for step in range(CASES):
        for nth, (name, contender) in enumerate(contenders.items()):
            # not the same rows one after another: the later would find them in every cache
            case = cases[(step + nth * CASES // len(contenders)) % CASES]
            started = time.perf_counter()
            contender(case)
            seconds[name].append(time.perf_counter() - started)
    medians = {name: statistics.median(times) * 1e6 for name, times in seconds.items()}
    for name, median in medians.items():
        ratio, strict = median / medians["raw"], median / medians["raw, keys ready"]
        print(
            f"{kind:7s} read  {name:26s} {median:7.0f} us  {ratio:5.2f}  {strict:5.2f}", flush=True
        )


def plain_reader(store: FeatureStore) -> Callable[[Case], object]:
    """Return a reader by ``get_online_features``, its services looked up once."""
    users, plans = (store.get_feature_service(name) for name in (USER_SERVICE, PLAN_SERVICE))

    def reader(case: Case) -> object:
        user = [{"release_id": case.release_id, "user_id": case.user_id}]
        rows = [
            {"release_id": case.release_id, "context_key": context.key} for context in case.contexts
        ]
        return (
            store.get_online_features(users, user).to_dict(),
            store.get_online_features(plans, rows).to_dict(),
        )

    return reader


def read_all(reader: FeatureReader, case: Case) -> None:
    """Read what a request reads; all of it is there."""
    user = reader.read_user(case.release_id, case.user_id)
    rows = reader.read_rows(case.release_id, case.contexts)
    if user is None or len(rows) != len(case.contexts):
        raise RuntimeError(f"rows of {case} are missing")


def same_bytes(raw: RawStore, reader: FeatureReader, case: Case) -> None:
    """Raise unless the raw read fetches the values that the reader returns."""
    fetched = [Value.FromString(value) for value in raw.fetch(raw.encode(case))]
    lists = [tuple(v.float_list_val.val) for v in fetched if v.HasField("float_list_val")]
    rows = reader.fetch_rows(case.release_id, case.contexts).values()
    same = sorted(lists) == sorted(tuple(row.scores.tolist()) for row in rows)
    if not same or len(fetched) != 4 + 2 * len(case.contexts):
        raise RuntimeError("the raw read fetches something else")


if __name__ == "__main__":
    main()
