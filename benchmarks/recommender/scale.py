"""What training costs by catalogue and by users, and an epoch of 50 million events from disk.

Run from the top of the repository: `python -m benchmarks.recommender.scale`. Each figure comes from
a process of its own over a made-up world (`benchmarks/recommender/sequence_worlds.py`) of 50
events a user:

- the table: batches of `--batch-tokens` positions for `--seconds` each, over sequences mapped from
  a file; an epoch's time is the mean step's times the steps of an epoch, in seconds of the
  processor, so that others on the machine do not count;
- the large run: 1 million users, 100,000 items and 50 million rows of Parquet in order of time.
  The pipeline's own `read_sequences` reads them, the counting model counts them, counting for the
  vectors to start from follows, and then an epoch, cut off after `--large-seconds`.

Peak memory is that of the process so far, as its operating system counts it, mapped pages included.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import torch

from benchmarks.recommender.sequence_worlds import make_walks
from expectations.contracts.tables import INTERACTIONS
from training.processes import join_process_group
from training.recommender.config import RecommenderConfig
from training.recommender.data.histories import (
    Sequences,
    count_batches,
    cut_windows,
    read_sequences,
)
from training.recommender.data.layout import FIRST_ITEM, ItemLayout, arrange_items
from training.recommender.data.neighbours import fit_neighbours
from training.recommender.fitting.trainer import Trainer

SIZES = (10_000, 100_000, 1_000_000)
LARGE = (1_000_000, 100_000)
"""Users and items of the large run."""
EVENTS = 50
START = datetime(2024, 1, 1, tzinfo=UTC)
LOOKED_AT = 11
"""Sums of losses at the start and at the end of a run, ten steps apart."""
MEGABYTE = 1024

Cell = dict[str, float | str]
"""What was measured of one size: seconds, megabytes, counts, and the loss by name."""


class EnoughSeen(Exception):
    """The time set for a measurement is over."""


def main() -> None:
    """Measure every cell and the large run, each in a process of its own, and print a table."""
    arguments = _parse()
    if arguments.part:
        torch.set_num_threads(arguments.threads)
        print(json.dumps(PARTS[arguments.part](arguments)))
        return
    with tempfile.TemporaryDirectory() as folder:
        _call(arguments, "write-parquet", *LARGE, folder)
        print(json.dumps(_call(arguments, "train-parquet", *LARGE, folder), indent=2), flush=True)
    print("| users | items | loss | steps an epoch | seconds a step | an epoch | peak MB |")
    print("| ---: | ---: | --- | ---: | ---: | ---: | ---: |")
    for items in SIZES:
        for users in SIZES:
            with tempfile.TemporaryDirectory() as folder:
                _call(arguments, "write-flat", users, items, folder)
                cell = _call(arguments, "train-flat", users, items, folder)
            print(_row(users, items, cell), flush=True)


def write_flat(arguments: argparse.Namespace) -> Cell:
    """Write the made-up sequences as embedding indices into one flat file."""
    with (arguments.folder / "items.bin").open("wb") as stream:
        for _, walk in make_walks(arguments.users, arguments.items, EVENTS, seed=0):
            stream.write((walk + FIRST_ITEM).data)
    return {}


def train_flat(arguments: argparse.Namespace) -> Cell:
    """Train over the flat file for the time set; return what a step costs."""
    sequences, layout, config = _open_flat(arguments), _layout(arguments.items), _config(arguments)
    trainer = Trainer(
        sequences, layout, config, 0, join_process_group(config.device, "recommender.device")
    )
    n_batches = count_batches(cut_windows(sequences, EVENTS), config.batch_tokens)
    return _train(trainer, n_batches, arguments.seconds)


def write_parquet(arguments: argparse.Namespace) -> Cell:
    """Write INTERACTIONS in order of time: everybody's first event, then the second, and so on."""
    walks = [w for _, w in make_walks(arguments.users, arguments.items, EVENTS, seed=0)]
    users = pl.Series([_user(n) for n in range(arguments.users)])
    names = pl.Series([_item(n) for n in range(arguments.items)])
    with pq.ParquetWriter(arguments.folder / "log.parquet", INTERACTIONS.schema) as writer:
        for step in range(EVENTS):
            column = np.concatenate([walk[:, step] for walk in walks])
            frame = pl.DataFrame({"user_id": users, "item_id": names.gather(column)}).with_columns(
                timestamp=pl.lit(START + timedelta(hours=step)).cast(pl.Datetime("us", "UTC")),
                feedback=pl.lit(None, dtype=pl.Float32),
                is_positive=pl.lit(True),
            )
            writer.write_table(
                frame.select(INTERACTIONS.schema.names).to_arrow().cast(INTERACTIONS.schema)
            )
    return {}


def train_parquet(arguments: argparse.Namespace) -> Cell:
    """Read the log as the pipeline does, count it, then train on it for the time set."""
    layout = _layout(arguments.items)
    config = _config(arguments).model_copy(update={"warm_start": True})
    log = pl.scan_parquet(arguments.folder / "log.parquet")
    until = START + timedelta(hours=EVENTS - 1)
    costs: Cell = {}
    with _measured("reading", costs):
        _, sequences = read_sequences(log, layout, until, arguments.folder)
    with _measured("neighbours", costs):
        fit_neighbours(sequences, layout.n_items, config.neighbours)
    with _measured("warm_start", costs):
        group = join_process_group(config.device, "recommender.device")
        trainer = Trainer(sequences, layout, config, 0, group)
    n_batches = count_batches(cut_windows(sequences, config.max_length), config.batch_tokens)
    cost = _train(trainer, n_batches, arguments.large_seconds)
    return {"users": len(sequences), "events": len(sequences.items), **costs, **cost}


@contextmanager
def _measured(name: str, costs: Cell) -> Iterator[None]:
    """Note under the name of a part its seconds, of the clock and the processor, and the peak."""
    started, worked = time.perf_counter(), time.process_time()
    yield
    costs[f"{name}_seconds"] = time.perf_counter() - started
    costs[f"{name}_processor_seconds"] = time.process_time() - worked
    costs[f"{name}_peak_mb"] = _peak_mb()


PARTS = {
    "write-flat": write_flat,
    "train-flat": train_flat,
    "write-parquet": write_parquet,
    "train-parquet": train_parquet,
}


def _train(trainer: Trainer, n_batches: int, seconds: float) -> Cell:
    """Take steps for ``seconds`` of processor time, or an epoch if that is shorter."""
    times, so_far = [time.process_time()], [(0.0, 0)]

    def note() -> None:
        times.append(time.process_time())
        so_far.append((trainer.position.loss_sum, trainer.position.n_targets))
        if times[-1] - times[1] > seconds:
            raise EnoughSeen

    with suppress(EnoughSeen):
        trainer.run_epoch(note)
    n_steps = len(times) - 2  # the first one warms up
    step = (times[-1] - times[1]) / n_steps
    return {
        "loss": "sampled" if trainer.draws else "full",
        "steps_taken": n_steps + 1,
        "steps_of_an_epoch": n_batches,
        "share_trained": (n_steps + 1) / n_batches,
        "loss_of_first_steps": _mean_loss(so_far[:LOOKED_AT]),
        "loss_of_last_steps": _mean_loss(so_far[-LOOKED_AT:]),
        "seconds_a_step": step,
        "seconds_an_epoch": step * n_batches,
        "peak_mb": _peak_mb(),
    }


def _mean_loss(so_far: list[tuple[float, int]]) -> float:
    """Return the mean loss a target between the first and the last of some sums."""
    (first_sum, first_targets), (last_sum, last_targets) = so_far[0], so_far[-1]
    return (last_sum - first_sum) / (last_targets - first_targets)


def _open_flat(arguments: argparse.Namespace) -> Sequences:
    items = np.memmap(arguments.folder / "items.bin", np.int32, "r")
    return Sequences(items, np.arange(arguments.users + 1, dtype=np.int64) * EVENTS)


def _config(arguments: argparse.Namespace) -> RecommenderConfig:
    return RecommenderConfig(
        batch_tokens=arguments.batch_tokens,
        max_length=EVENTS,
        max_epochs=1,
        warm_start=False,
        device="cpu",
    )


def _layout(n_items: int) -> ItemLayout:
    ids = [_item(n) for n in range(n_items)]
    return arrange_items(ids, np.zeros(n_items, dtype=np.int64), 1)


def _user(number: int) -> str:
    return f"u{number:07d}"


def _item(number: int) -> str:
    return f"i{number:07d}"


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // MEGABYTE


def _call(arguments: argparse.Namespace, part: str, users: int, items: int, folder: str) -> Cell:
    command = [sys.executable, "-m", "benchmarks.recommender.scale", "--part", part]
    command += ["--users", str(users), "--items", str(items), "--folder", folder]
    for name in ("threads", "seconds", "large_seconds", "batch_tokens"):
        command += [f"--{name.replace('_', '-')}", str(getattr(arguments, name))]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    content: Cell = json.loads(done.stdout.splitlines()[-1])
    return content


def _row(users: int, items: int, cell: Cell) -> str:
    minutes = float(cell["seconds_an_epoch"]) / 60
    return (
        f"| {users:,} | {items:,} | {cell['loss']} | {cell['steps_of_an_epoch']:,} "
        f"| {cell['seconds_a_step']:.3f} | {minutes:.1f} min | {cell['peak_mb']:,} |"
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=15.0, help="of processor, for a cell")
    parser.add_argument("--large-seconds", type=float, default=240.0)
    parser.add_argument("--batch-tokens", type=int, default=4096)
    parser.add_argument("--part", choices=sorted(PARTS), help="used by the benchmark itself")
    parser.add_argument("--users", type=int)
    parser.add_argument("--items", type=int)
    parser.add_argument("--folder", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
