"""The planning engine against transformers' beam search: speed, exactness, use of the machine.

Run from the top of the repository, on a quiet machine:

- `python -m benchmarks.planning.compare train --folder var/planning --sizes 64 256 761` trains
  planners;
- `python -m benchmarks.planning.compare compare --folder var/planning --sizes 64 256 761`: all
  contenders on the same contexts and to the same depth, medians over contexts of CPU seconds;
- `python -m benchmarks.planning.compare layers --folder var/planning`: share of the matrix peak;
- `python -m benchmarks.planning.compare slope --folder var/planning --world 761 --sizes 64 128
  256`: cost against the number of clusters, the planner and its descriptions being the same;
- `python -m benchmarks.planning.compare table --folder var/planning --sizes 761`: the table stage
  itself, whole, resumable, with the folder's own settings.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.planning.costs import (
    BEAMS,
    COUNT,
    FIRST_PLACES,
    compare,
    consecutive_contexts,
    large_model,
    measure_engine,
    measure_layers,
)
from benchmarks.planning.models import TrainedWorld, load_world, make_world, stage_environment
from inference.search.config import TableConfig
from inference.search.memory import keep_freed_memory
from inference.table.table import n_rows
from pipelines.io import paths
from pipelines.io.artefact_io import read_json


def main() -> None:
    """Run the measurement asked for and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["train", "compare", "layers", "slope", "table"])
    parser.add_argument("--folder", type=Path, required=True, help="where planners are kept")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64])
    parser.add_argument("--world", type=int, help="take descriptions from this larger world")
    parser.add_argument("--contexts", type=int, default=50)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    keep_freed_memory()  # as the engine's workers do; it serves all contenders
    if arguments.what == "train":
        for size in arguments.sizes:
            make_world(size, arguments.folder / str(size), arguments.threads)
    elif arguments.what == "table":
        for size in arguments.sizes:
            plan_whole_table(size, arguments.folder / str(size))
    elif arguments.what == "layers":
        print_layers(load_world(arguments.folder / str(arguments.sizes[0])))
    elif arguments.what == "compare":
        for size in arguments.sizes:
            print_comparison(world_of(size, arguments.folder, arguments.world), arguments.contexts)
    else:
        worlds = [world_of(size, arguments.folder, arguments.world) for size in arguments.sizes]
        print_slope(worlds)


def world_of(size: int, folder: Path, larger: int | None) -> TrainedWorld:
    """Return the world of that size, or an even selection of the descriptions of a larger one."""
    return (
        load_world(folder / str(larger)).thinned(size) if larger else load_world(folder / str(size))
    )


def print_comparison(world: TrainedWorld, n_contexts: int) -> None:
    """Print each contender's cost a context and how often its first clusters are the oracle's."""
    ours, beams = compare(world, n_contexts)
    print(
        f"N = {len(world.descriptions)}, validation recall@10 {world.recall_at_10:.3f}, match rate "
        f"{world.match_rate:.3f}, {n_contexts} contexts, depth {COUNT}, CPU seconds a context\n"
        f"  engine: {ours.seconds:.5f}, {ours.lists_exact}/{n_contexts} lists exact, "
        f"{ours.certified:.3f} certified, {ours.tokens:.1f} tokens read\n"
        f"  generate, {BEAMS} beams: {beams.seconds:.4f} "
        f"({beams.seconds / ours.seconds:.1f} times ours), recall@{COUNT} {beams.recall:.3f}\n"
        f"  generate, beams widened until exact: {beams.widened_seconds:.4f} "
        f"({beams.widened_seconds / ours.seconds:.1f} times ours), "
        f"{beams.became_exact}/{n_contexts} became exact",
        flush=True,
    )


def print_layers(world: TrainedWorld) -> None:
    """Print what the linear layers reach, in the world's own planner and in a larger model."""
    torch.manual_seed(0)  # transformers draws initial weights from the global generator only
    large = large_model(world.planner)
    for name, planner, n_batches in (("embedded", world.planner, 8), ("12 x 768", large, 1)):
        use = measure_layers(planner, world, n_batches)
        print(
            f"{name}: linear layers {use.rate / 1e9:.1f} of {use.peak / 1e9:.1f} GFLOP/s, "
            f"{use.rate / use.peak:.0%} of the peak, {use.share_of_time:.0%} of all time; "
            f"a context: {use.tokens:.1f} tokens, {use.operations / 1e6:.1f} MFLOP, "
            f"{1e3 * use.seconds:.3f} ms",
            flush=True,
        )


def print_slope(worlds: list[TrainedWorld]) -> None:
    """Print what one context costs at each size, and the slope of that on two logarithmic axes."""
    sizes = [len(world.descriptions) for world in worlds]
    for name, config in (
        ("as planned", TableConfig()),
        ("without places for families", TableConfig(per_family=0)),
        (f"depth {COUNT}", FIRST_PLACES),
    ):
        costs = []
        for size, world in zip(sizes, worlds, strict=True):
            contexts = consecutive_contexts(size, TableConfig().batch_rows)
            cost = measure_engine(world, contexts, config)
            costs.append(cost.seconds)
            print(
                f"N = {size}, {name}: {1e3 * cost.seconds:.3f} ms and {cost.tokens:.1f} tokens a "
                f"context, {cost.places:.1f} places a row, {cost.certified:.0%} certified, "
                f"cache {cost.cache_bytes / 2**20:.0f} MiB",
                flush=True,
            )
        if len(sizes) > 1:
            slope = np.polyfit(np.log(sizes), np.log(costs), 1)[0]
            print(f"{name}: slope {slope:.2f}", flush=True)


def plan_whole_table(n_clusters: int, folder: Path) -> None:
    """Run the table stage in the world's folder; print its time and memory."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "pipelines.stages.table"]
    subprocess.run(command, cwd=folder, env=stage_environment(), check=True)
    cost = read_json(folder / paths.PLANNING_COST)
    print(
        f"N = {n_clusters}: {n_rows(n_clusters):,} rows, stage {time.perf_counter() - started:.0f} "
        f"seconds, planning {cost}",
        flush=True,
    )


if __name__ == "__main__":
    main()
