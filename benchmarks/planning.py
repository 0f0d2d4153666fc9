"""The planning engine against transformers' beam search: speed, exactness, use of the machine.

Run from the top of the repository, on a quiet machine:

- `python -m benchmarks.planning train --folder var/planning --sizes 64 256 761` trains planners;
- `python -m benchmarks.planning compare --folder var/planning --sizes 64 256 761`: all contenders
  on the same pairs, one thread, medians over pairs of CPU seconds;
- `python -m benchmarks.planning layers --folder var/planning`: share of the matrix peak;
- `python -m benchmarks.planning slope --folder var/planning --world 761 --sizes 64 128 256`: cost
  against the number of clusters, the planner and its descriptions being the same;
- `python -m benchmarks.planning table --folder var/planning --sizes 761`: the table stage itself,
  whole, on two threads, resumable.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.plain_planning import PlainPlanning, best
from benchmarks.planning_models import TrainedWorld, load_world, make_world, stage_environment
from expectations.contracts.values import ClusterPair, all_pairs
from inference.planning.config import TableConfig
from inference.planning.engine import PlanningEngine
from inference.planning.table import batches_of_pairs, n_rows
from pipelines import paths
from training.planner.model_io import Planner

ResultT = TypeVar("ResultT")

COUNT = 10
BEAMS = 10
REPEATS = 5
WIDEN_UP_TO = 256
LARGE = {"hidden_size": 768, "intermediate_size": 2048, "layers": 12, "heads": 12}


def main() -> None:
    """Run the measurement asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["train", "compare", "layers", "slope", "table"])
    parser.add_argument("--folder", type=Path, required=True, help="where planners are kept")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64])
    parser.add_argument("--world", type=int, help="take descriptions from this larger world")
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for size in arguments.sizes if arguments.what != "layers" else arguments.sizes[:1]:
        folder = arguments.folder / str(size)
        if arguments.what == "train":
            make_world(size, folder, arguments.threads)
        elif arguments.what == "table":
            plan_whole_table(size, folder)
        else:
            learned = load_world(arguments.folder / str(arguments.world or size))
            world = learned.thinned(size) if arguments.world else learned
            if arguments.what == "compare":
                compare(world, arguments.pairs)
            elif arguments.what == "layers":
                measure_layers(world)
            else:
                measure_size(world)


def compare(world: TrainedWorld, n_pairs: int) -> None:
    """Print each contender's cost a pair and how often its first places are the oracle's."""
    n_clusters = len(world.descriptions)
    pairs = consecutive_pairs(n_clusters, n_pairs)
    step = TableConfig().score_step
    plain = PlainPlanning(world.planner, world.descriptions)
    truth = [plain.score(pair) for pair in pairs]
    engine = PlanningEngine(
        world.planner, world.descriptions, TableConfig(whole_up_to=1, depth=COUNT)
    )
    ours = statistics.median(
        cpu_seconds(partial(engine.rank_batch, pairs)) / len(pairs) for _ in range(REPEATS)
    )
    rows = engine.rank_batch(pairs)
    exact = sum(
        row.tolist() == [c for c in best(scores, n_clusters, step) if c not in pair.members][:COUNT]
        for row, scores, pair in zip(rows.clusters, truth, pairs, strict=True)
    )
    print(f"N = {n_clusters}, match rate {world.match_rate:.3f}, {len(pairs)} pairs, CPU seconds")
    print(
        f"  engine: {ours:.5f} a pair, {exact}/{len(pairs)} lists exact, "
        f"{rows.certified.mean():.3f} certified"
    )
    hits, costs, widened, found = [], [], [], 0
    for pair, scores in zip(pairs, truth, strict=True):
        wanted = best(scores, COUNT, step)
        listed: list[int] = []
        beams = BEAMS
        while beams <= WIDEN_UP_TO:
            seconds, listed = timed(partial(plain.generate, pair, beams, COUNT))
            listed = best_of(listed, scores, step)
            if beams == BEAMS:
                hits.append(len(set(listed) & set(wanted)) / COUNT)
                costs.append(seconds)
            if listed == wanted:
                found += 1
                widened.append(seconds)
                break
            beams = min(2 * beams, n_clusters) if beams < n_clusters else WIDEN_UP_TO + 1
    ten = statistics.median(costs)
    print(
        f"  generate, {BEAMS} beams: {ten:.4f} a pair ({ten / ours:.1f} times ours), "
        f"recall@{COUNT} {np.mean(hits):.3f}"
    )
    if widened:
        wide = statistics.median(widened)
        print(
            f"  generate, beams widened until exact: {wide:.4f} a pair ({wide / ours:.1f} times "
            f"ours), {found}/{len(pairs)} became exact",
            flush=True,
        )


def best_of(listed: Sequence[int], scores: np.ndarray, step: float) -> list[int]:
    """Return the list with clusters whose scores are equal to the step in ascending id."""
    return sorted(listed, key=lambda cluster: (-np.rint(scores[cluster] / step), cluster))


def measure_layers(world: TrainedWorld) -> None:
    """Print the share of the measured matrix peak that the linear layers reach."""
    large = Planner(large_model(world.planner), world.planner.tokenizer)
    for name, planner, n_batches in (("embedded", world.planner, 8), ("12 x 768", large, 1)):
        config = TableConfig()
        engine = PlanningEngine(planner, world.descriptions, config)
        contexts = list(batches_of_pairs(len(world.descriptions), config.batch_rows))[2:]
        engine.rank_batch(contexts[0])
        peak = matrix_peak()
        with LayerClock(planner.model) as clock:
            spent = sum(cpu_seconds(partial(engine.rank_batch, c)) for c in contexts[:n_batches])
        n_pairs = sum(map(len, contexts[:n_batches]))
        print(
            f"{name}: linear layers {clock.operations / clock.seconds / 1e9:.1f} of "
            f"{peak / 1e9:.1f} GFLOP/s, {clock.operations / clock.seconds / peak:.0%} of the "
            f"peak, {clock.seconds / spent:.0%} of all time; a pair: {clock.tokens / n_pairs:.1f} "
            f"tokens, {clock.operations / n_pairs / 1e6:.1f} MFLOP, {1e3 * spent / n_pairs:.3f} ms",
            flush=True,
        )


class LayerClock:
    """Counts tokens read, and operations and CPU seconds of the linear layers, while it is open."""

    def __init__(self, model: torch.nn.Module) -> None:
        self.tokens, self.operations, self.seconds = 0, 0, 0.0
        self._model = model
        self._hooks: list[Any] = []
        self._started = 0.0

    def __enter__(self) -> LayerClock:
        embedding = self._model.get_input_embeddings()  # type: ignore[operator]
        self._hooks = [embedding.register_forward_pre_hook(self._count)]
        for layer in self._model.modules():
            if isinstance(layer, torch.nn.Linear):
                self._hooks.append(layer.register_forward_pre_hook(self._start))
                self._hooks.append(layer.register_forward_hook(self._stop))
        return self

    def __exit__(self, *_: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _count(self, _: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        self.tokens += inputs[0].numel()

    def _start(self, _: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        self._started = time.process_time()

    def _stop(
        self, layer: torch.nn.Linear, inputs: tuple[torch.Tensor, ...], _: torch.Tensor
    ) -> None:
        self.seconds += time.process_time() - self._started
        rows = inputs[0].numel() // layer.in_features
        self.operations += 2 * rows * layer.in_features * layer.out_features


def matrix_peak() -> float:
    """Return the best float32 operations a second over matrix products of several shapes."""
    found = []
    for rows, inner, columns in ((2048, 2048, 2048), (4096, 768, 768), (1024, 1024, 1024)):
        left, right = torch.randn(rows, inner), torch.randn(inner, columns)
        left @ right
        seconds = min(timed(partial(torch.matmul, left, right))[0] for _ in range(15))
        found.append(2 * rows * inner * columns / seconds)
    return max(found)


def large_model(planner: Planner) -> LlamaForCausalLM:
    """Return an untrained model of 12 layers of 768 for the planner's tokenizer."""
    torch.manual_seed(0)
    sizes = LlamaConfig(
        vocab_size=planner.model.config.vocab_size,
        hidden_size=LARGE["hidden_size"],
        intermediate_size=LARGE["intermediate_size"],
        num_hidden_layers=LARGE["layers"],
        num_attention_heads=LARGE["heads"],
        pad_token_id=planner.pad_token_id,
        eos_token_id=planner.end_token_id,
        initializer_range=0.1,
    )
    return LlamaForCausalLM(sizes).eval()


def measure_size(world: TrainedWorld) -> None:
    """Print what one pair costs as the table is planned, and to a depth of ten."""
    n_clusters = len(world.descriptions)
    for name, config in (
        ("as planned", TableConfig()),
        (f"depth {COUNT}", TableConfig(whole_up_to=1, depth=COUNT)),
    ):
        engine = PlanningEngine(world.planner, world.descriptions, config)
        pairs = consecutive_pairs(n_clusters, 4 * config.batch_rows)
        batches = [pairs[at : at + 128] for at in range(0, len(pairs), 128)]
        engine.rank_batch(batches[0])
        cost = statistics.median(
            cpu_seconds(partial(engine.rank_batch, batch)) / len(batch)
            for batch in batches
            for _ in range(3)
        )
        with LayerClock(world.planner.model) as clock:
            for batch in batches:
                engine.rank_batch(batch)
        print(
            f"N = {n_clusters}, {name}: {1e3 * cost:.3f} ms and {clock.tokens / len(pairs):.1f} "
            f"tokens a pair, cache {engine.peak_cache_bytes / 2**20:.0f} MiB",
            flush=True,
        )


def plan_whole_table(n_clusters: int, folder: Path) -> None:
    """Run the table stage in the world's folder; print its time and memory."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "pipelines.stages.table"]
    subprocess.run(command, cwd=folder, env=stage_environment(), check=True)
    cost = json.loads((folder / paths.STAGE_COSTS / "table_planning.json").read_text())
    print(
        f"N = {n_clusters}: {n_rows(n_clusters):,} rows, stage {time.perf_counter() - started:.0f} "
        f"seconds, planning {cost}",
        flush=True,
    )


def consecutive_pairs(n_clusters: int, count: int) -> list[ClusterPair]:
    """Return neighbouring pairs from the middle of the table, as they are planned."""
    pairs = [pair for pair in all_pairs(n_clusters) if len(pair.members) > 1]
    start = min(len(pairs) // 3, len(pairs) - count)
    return pairs[start : start + count]


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds of this process that the work takes, whatever else is running."""
    return timed(work)[0]


def timed(work: Callable[[], ResultT]) -> tuple[float, ResultT]:
    """Return (CPU seconds, result)."""
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


if __name__ == "__main__":
    main()
