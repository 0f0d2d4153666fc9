"""Wall time and peak memory of ingest, histories and curate on logs of growing size.

Run from the top of the repository: `python -m benchmarks.pipeline --sizes 100000 1000000`.
The log is made up (users with a few home interests, popular clusters, ratings); items fall into
clusters by their number, since building the tree is not what is measured here. Every stage runs as
its own process on two cores, the way DVC runs it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from benchmarks.markdown import to_markdown
from expectations.contracts.tables import CLUSTERS, ITEM_CLUSTERS
from pipelines.io import paths
from pipelines.io.artefact_io import write_table

REPOSITORY = Path(__file__).resolve().parents[1]
STAGES = ("ingest", "histories", "curate")
CORES = 2
N_CLUSTERS = 64
INTERACTIONS_PER_USER = 20
USERS_AT_ONCE = 50_000
FIRST_SECOND = 1_600_000_000
SPAN_SECONDS = 2 * 365 * 86_400
PARAMS = """
runtime: {{seed: 0, threads: {cores}}}
dataset:
  source: files
  path: raw
  positive_threshold: 4.0
  files: {{items_file: items.parquet, interactions_file: log.parquet, feedback: rating}}
clusters: {{levels: [{clusters}]}}
"""


@dataclass(frozen=True)
class Spent:
    """What one process took. The peak includes what this program held when it started it."""

    wall_seconds: float
    cpu_seconds: float
    peak_memory_mb: int


@dataclass(frozen=True)
class Cost:
    """What one stage took at one size."""

    interactions: int
    stage: str
    wall_seconds: float
    cpu_seconds: float
    peak_memory_mb: int
    written_mb: float


def main() -> None:
    """Measure every size asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder if absent")
    arguments = parser.parse_args()
    costs: list[Cost] = []
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            for cost in measure(size, Path(folder)):
                print(f"{size:,} {cost}", file=sys.stderr, flush=True)
                costs.append(cost)
    print(to_table(costs))


def measure(n_interactions: int, folder: Path) -> Iterator[Cost]:
    """Yield the cost of each stage on a log of that size, worked on in ``folder``."""
    n_items = write_raw_world(n_interactions, folder)
    for name in STAGES:
        before = size_of(folder / paths.ARTIFACTS)
        spent = run_stage(name, folder)
        written = size_of(folder / paths.ARTIFACTS) - before
        yield Cost(
            n_interactions,
            name,
            spent.wall_seconds,
            spent.cpu_seconds,
            spent.peak_memory_mb,
            written / 2**20,
        )
        if name == "ingest":
            assign_clusters(n_items, folder)


def run_stage(name: str, folder: Path) -> Spent:
    """Run one stage in ``folder`` on :data:`CORES` cores; return what it took."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "POLARS_MAX_THREADS": str(CORES),
        "OMP_NUM_THREADS": str(CORES),
    }
    cores = ",".join(str(core) for core in sorted(os.sched_getaffinity(0))[:CORES])
    command = ["taskset", "-c", cores, sys.executable, "-m", f"pipelines.stages.{name}"]
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"stage {name} failed with status {os.waitstatus_to_exitcode(status)}")
    return Spent(
        wall_seconds=time.perf_counter() - started,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_memory_mb=usage.ru_maxrss // 1024,
    )


def write_raw_world(n_interactions: int, folder: Path) -> int:
    """Write raw log, catalogue, settings and feature definitions; return the number of items."""
    rng = np.random.default_rng(n_interactions)
    n_items = max(N_CLUSTERS * 20, n_interactions // 400)
    raw = folder / "raw"
    raw.mkdir()
    write_log(n_interactions, n_items, raw / "log.parquet", rng)
    ids = [item_id(number) for number in range(n_items)]
    titles = [f"Title {number} of kind {number % N_CLUSTERS}" for number in range(n_items)]
    pl.DataFrame({"item_id": ids, "title": titles}).write_parquet(raw / "items.parquet")
    (folder / "params.yaml").write_text(PARAMS.format(cores=CORES, clusters=N_CLUSTERS))
    (folder / paths.FEATURE_REPO).mkdir()
    settings = paths.FEATURE_REPO / "feature_store.yaml"
    shutil.copy(REPOSITORY / settings, folder / settings)
    return n_items


def write_log(n_interactions: int, n_items: int, path: Path, rng: np.random.Generator) -> None:
    """Write exactly ``n_interactions`` rows, some users at a time; pieces are shuffled."""
    n_users = max(n_interactions // INTERACTIONS_PER_USER, 1)
    activity = rng.lognormal(0.0, 1.0, n_users)
    per_user = np.floor(activity / activity.sum() * n_interactions).astype(np.int64)
    per_user[: n_interactions - int(per_user.sum())] += 1
    writer: pq.ParquetWriter | None = None
    for first in range(0, n_users, USERS_AT_ONCE):
        part = per_user[first : first + USERS_AT_ONCE]
        data = draw_log(first, part, n_items, rng).to_arrow()
        writer = writer or pq.ParquetWriter(path, data.schema, compression="zstd")
        writer.write_table(data)
    if writer is not None:
        writer.close()


def draw_log(
    first_user: int, per_user: np.ndarray, n_items: int, rng: np.random.Generator
) -> pl.DataFrame:
    """Draw the log of consecutive users: 60% of events lie in one of three home clusters."""
    users = np.repeat(np.arange(per_user.size), per_user)  # [events]
    popularity = 1 / np.arange(1, N_CLUSTERS + 1) ** 0.7
    popularity /= popularity.sum()
    homes = rng.choice(N_CLUSTERS, size=(per_user.size, 3), p=popularity)  # [users, 3]
    at_home = homes[users, rng.integers(3, size=users.size)]
    abroad = rng.choice(N_CLUSTERS, size=users.size, p=popularity)
    clusters = np.where(rng.random(users.size) < 0.6, at_home, abroad)
    shelf = n_items // N_CLUSTERS
    numbers = clusters + N_CLUSTERS * np.floor(shelf * rng.random(users.size) ** 2).astype(int)
    begins = rng.random(per_user.size) * 0.8
    moments = begins[users] + (1 - begins[users]) * rng.random(users.size)
    seconds = FIRST_SECOND + (moments * SPAN_SECONDS).astype(np.int64)
    log = pl.DataFrame(
        {
            "user_id": pl.Series(users + first_user).cast(pl.String).str.pad_start(8, "u"),
            "item_id": pl.Series(numbers).cast(pl.String).str.pad_start(8, "i"),
            "timestamp": seconds,
            "rating": rng.integers(1, 6, users.size).astype(np.float32),
        }
    )
    return log[rng.permutation(log.height)]


def assign_clusters(n_items: int, folder: Path) -> None:
    """Write a tree of one level: the item's number decides its cluster."""
    numbers = np.arange(n_items)
    clusters = pl.DataFrame(
        {
            "level": np.zeros(N_CLUSTERS, dtype=np.int64),
            "cluster_id": np.arange(N_CLUSTERS),
            "parent_id": pl.Series([None] * N_CLUSTERS, dtype=pl.Int64),
            "description": [f"kind {number}" for number in range(N_CLUSTERS)],
            "n_items": np.bincount(numbers % N_CLUSTERS, minlength=N_CLUSTERS),
            "traffic": np.full(N_CLUSTERS, 1 / N_CLUSTERS, dtype=np.float32),
            "distinction": pl.Series([None] * N_CLUSTERS, dtype=pl.String),
        }
    )
    members = pl.DataFrame(
        {
            "item_id": [item_id(number) for number in range(n_items)],
            "level": np.zeros(n_items, dtype=np.int64),
            "cluster_id": numbers % N_CLUSTERS,
        }
    )
    write_table(clusters, folder / paths.CLUSTERS, CLUSTERS)
    write_table(members, folder / paths.ITEM_CLUSTERS, ITEM_CLUSTERS)


def item_id(number: int) -> str:
    """Return the id of the item of that number."""
    return str(number).rjust(8, "i")


def size_of(folder: Path) -> int:
    """Return the bytes of all files below ``folder``."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def to_table(costs: list[Cost]) -> str:
    """Return the costs as a Markdown table, one row a size and stage."""
    names = [
        "interactions",
        "stage",
        "wall seconds",
        "CPU seconds",
        "peak memory, MB",
        "written, MB",
    ]
    rows = (
        (
            f"{cost.interactions:,}",
            cost.stage,
            f"{cost.wall_seconds:.1f}",
            f"{cost.cpu_seconds:.1f}",
            f"{cost.peak_memory_mb:,}",
            f"{cost.written_mb:,.0f}",
        )
        for cost in costs
    )
    return to_markdown(names, rows, n_texts=2)


if __name__ == "__main__":
    main()
