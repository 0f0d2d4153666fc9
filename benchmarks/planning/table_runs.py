"""What shards, workers and Ray cost the table stage, on a planner that is trained already.

Run from the top of the repository: `python -m benchmarks.planning.table_runs FOLDER`, where FOLDER
is a working tree in which the planner stage has run (`benchmarks.planning.compare` leaves some).
Every setting runs as its own process in a copy of it; with the same threads a worker the tables
must be the same, byte for byte.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from pipelines.io import paths
from pipelines.io.artefact_io import read_json

REPOSITORY = Path(__file__).resolve().parents[2]
NEEDED = (paths.BASE_MODEL, paths.PLANNER_ADAPTER, paths.CLUSTERS.parent, paths.TIMELINE)
SETTINGS: dict[str, dict[str, object]] = {
    "one worker, one shard": {"shard_rows": 10_000_000},
    "one worker, shards of 1,024 rows": {"shard_rows": 1024},
    "one worker, shards of one batch": {"shard_rows": 1},
    "two workers": {"workers": 2},
    "Ray, two workers": {"workers": 2, "engine": "ray"},
    "one worker of two threads": {"worker_threads": 2},
}


def main() -> None:
    """Run every setting and print what it took, as rows of a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    hashes: dict[object, set[str]] = {}
    print("| | rows | rows/s | stage: wall, s | processor, s | a worker's peak, MB |")
    for name, changes in SETTINGS.items():
        with tempfile.TemporaryDirectory() as folder:
            how = dict(changes)
            threads = how.pop("worker_threads", 1)
            found = run_table(name, arguments.folder, Path(folder), threads, how)
        hashes.setdefault(threads, set()).add(found)
    if any(len(found) > 1 for found in hashes.values()):
        sys.exit("the tables differ")


def run_table(
    name: str, source: Path, folder: Path, threads: object, how: dict[str, object]
) -> str:
    """Run the stage with these settings, print its cost and return the hash of its table."""
    for path in NEEDED:
        copy = shutil.copytree if (source / path).is_dir() else shutil.copy2
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        copy(source / path, folder / path)
    content = yaml.safe_load((source / "params.yaml").read_text())
    content["table"] = {**(content.get("table") or {}), "worker_threads": threads}
    content["table_run"] = how
    content["gates"] = {"table": {"min_coverage_at_5": 0.0}}
    (folder / "params.yaml").write_text(yaml.safe_dump(content))
    started, before = time.perf_counter(), processor_seconds()
    subprocess.run(
        [sys.executable, "-m", "pipelines.stages.table"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        check=True,
    )
    whole, processor = time.perf_counter() - started, processor_seconds() - before
    cost = read_json(folder / paths.PLANNING_COST)
    print(
        f"| {name} | {cost['rows_planned']:,} | {cost['rows_per_second']:.0f} | {whole:.1f} "
        f"| {processor:.1f} | {cost['worker_peak_memory_mb']} |",
        flush=True,
    )
    return hashlib.sha256((folder / paths.NOVEL_CLUSTER_TABLE).read_bytes()).hexdigest()


def processor_seconds() -> float:
    """Return what child processes that have ended took; Ray's servers are not among them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
