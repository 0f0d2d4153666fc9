"""Our sequence recommender against RecTools' SASRec: seconds an epoch and NDCG@10, in one run.

Run from the top of the repository: `python -m benchmarks.recommender.compare [--data FILE]`, a
file of one user a line, `user item item …`; without one, a made-up world. Both train on all items
of a user but the last, which is the test; both rank the whole catalogue, items already seen left
out; our metric judges both rankings. Same threads, dimension, layers, heads, longest history and
epochs; the same number of sequences in a batch, as nearly as batches by positions allow. They take
turns, epoch by epoch; our first epoch bears what comes before it. Ours is the transformer alone,
without the counting model that is shipped beside it. Learning rate, dropout and read-out are each
contender's own, by its documentation: RecTools' are dot products, softmax over all items, Adam at
.001, dropout .2. Where others use the machine too, compare seconds of the processor, one thread.

RecTools needs numpy below 2, so it is installed into an environment of its own (`--environment`),
once, and the contenders exchange files.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import IO, Any

import numpy as np
import torch

from benchmarks.recommender.sequence_worlds import make_walks, read_lines
from expectations.contracts.errors import UserError
from training.evaluation.metrics import bootstrap_interval, ndcg_at_k
from training.item_scoring.top_k import top_k
from training.recommender.config import NeighbourConfig, RecommenderConfig
from training.recommender.data.histories import Sequences, cut_windows
from training.recommender.data.layout import FIRST_ITEM, ItemLayout, arrange_items
from training.recommender.fitting.fit import fit_recommender
from training.recommender.fitting.training_run import EpochReport

REQUIREMENTS = ("rectools[torch]==0.19.0", "torch==2.13.0", "numpy<2")
RIVAL = Path(__file__).with_name("rectools_process.py")
DEPTH = 10
USERS_AT_ONCE = 512


@dataclass(frozen=True)
class World:
    """What both contenders get: per user all items but the last, and the last one."""

    histories: list[list[str]]
    following: list[str]


@dataclass
class Contender:
    """What one contender showed."""

    name: str
    seconds: list[tuple[float, float]] = field(default_factory=list)
    """Of each epoch, on the wall and of the processor."""
    ranking: list[list[str]] = field(default_factory=list)

    def ndcgs(self, world: World) -> np.ndarray:
        """Return NDCG@10 of each user."""
        pairs = zip(self.ranking, world.following, strict=True)
        return np.array([ndcg_at_k(ranked, {item}, DEPTH) for ranked, item in pairs])


class Rival:
    """RecTools in its own process, one epoch at a time."""

    def __init__(self, python: Path, folder: Path) -> None:
        command = [str(python), str(RIVAL), str(folder)]
        self._folder = folder
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._answer("ready")

    def run_epoch(self) -> tuple[float, float]:
        """Let it train one epoch; return the seconds of it, on the wall and of the processor."""
        stream = _open(self._process.stdin)
        stream.write("go\n")
        stream.flush()
        wall, used = self._answer("seconds")
        return wall, used

    def rank(self, n_users: int) -> list[list[str]]:
        """Return the items it ranks first for each user, best first, when all epochs are done."""
        self._answer("done")
        ranked: list[list[str]] = [[] for _ in range(n_users)]
        with (self._folder / "ranking.csv").open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                ranked[int(row["user"])].append(row["item"])
        return ranked

    def _answer(self, name: str) -> Any:
        for line in _open(self._process.stdout):
            if line.startswith("{") and name in (content := json.loads(line)):
                return content[name]
        raise UserError("RecTools", "its process answers", "see what it wrote to standard error")


def _open(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise RuntimeError("the process was started without pipes")
    return stream


def main() -> None:
    """Make the world and the rival's environment, train both by turns, compare."""
    arguments = _parse()
    torch.set_num_threads(arguments.threads)
    python = make_environment(arguments.environment)
    lines = read_lines(arguments.data) if arguments.data else _made_up(arguments)
    world = World([line[:-1] for line in lines], [line[-1] for line in lines])
    layout = _layout_of(world)
    sequences = Sequences.of([[layout.index_of[i] for i in h] for h in world.histories])
    targets = int(cut_windows(sequences, arguments.max_length).lengths.sum())
    n_windows = len(cut_windows(sequences, arguments.max_length))
    config = RecommenderConfig(
        dimension=arguments.dimension,
        n_layers=arguments.layers,
        n_heads=arguments.heads,
        max_length=arguments.max_length,
        max_epochs=arguments.epochs,
        batch_tokens=round(arguments.batch * (targets / n_windows - 1)),
        temperature=arguments.temperature,
        dropout=arguments.dropout,
        neighbours=NeighbourConfig(weight=0),
    )
    print(
        f"{len(sequences):,} users, {layout.n_items:,} items, {len(sequences.items):,} events; "
        f"{arguments.threads} threads, {config.model_dump()}"
    )
    ours, theirs = Contender("ours"), Contender("RecTools SASRec")
    with tempfile.TemporaryDirectory() as folder:
        _hand_over(world, arguments, Path(folder))
        rival = Rival(python, Path(folder))
        _train_by_turns(ours, theirs, rival, sequences, layout, config, arguments.seed)
        theirs.ranking = rival.rank(len(sequences))
    report(ours, theirs, world)


def make_environment(folder: Path) -> Path:
    """Return the Python of the rival's environment, made on the first call."""
    python = folder / "bin" / "python"
    probe = [str(python), "-c", "import rectools.models, torch, pytorch_lightning"]
    if python.is_file() and subprocess.run(probe, capture_output=True).returncode == 0:
        return python
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run([str(python), "-m", "pip", "install", "-q", *REQUIREMENTS], check=True)
    return python


def report(ours: Contender, theirs: Contender, world: World) -> None:
    """Print both contenders' figures, their ratio, and the paired difference of NDCG@10."""
    medians = {}
    for contender in (ours, theirs):
        wall, used = (median(column) for column in zip(*contender.seconds, strict=True))
        medians[contender.name] = wall, used
        print(
            f"{contender.name:16} {wall:8.2f} s an epoch, {used:.2f} s of processor (medians of "
            f"{len(contender.seconds)}), NDCG@{DEPTH} {contender.ndcgs(world).mean():.4f}"
        )
    ratios = [a / b for a, b in zip(medians[ours.name], medians[theirs.name], strict=True)]
    difference = ours.ndcgs(world) - theirs.ndcgs(world)
    interval = bootstrap_interval(difference, np.arange(len(difference)), np.random.default_rng(0))
    print(
        f"ours takes {ratios[0]:.3f} of the time, {ratios[1]:.3f} of the processor's; "
        f"NDCG@{DEPTH} {interval.mean:+.4f} "
        f"[{interval.low:+.4f}, {interval.high:+.4f}]"
    )


def _train_by_turns(
    ours: Contender,
    theirs: Contender,
    rival: Rival,
    sequences: Sequences,
    layout: ItemLayout,
    config: RecommenderConfig,
    seed: int,
) -> None:
    started = time.perf_counter(), time.process_time()

    def let_the_other_train(epoch: EpochReport) -> None:
        nonlocal started
        ours.seconds.append((time.perf_counter() - started[0], time.process_time() - started[1]))
        theirs.seconds.append(rival.run_epoch())
        shown = [f"{c.name} {c.seconds[-1][0]:.2f} s" for c in (ours, theirs)]
        print(f"epoch {epoch.epoch}: {', '.join(shown)}", flush=True)
        started = time.perf_counter(), time.process_time()

    recommender = fit_recommender(sequences, layout, config, seed, report=let_the_other_train)
    for start in range(0, len(sequences), USERS_AT_ONCE):
        rows = np.arange(start, min(start + USERS_AT_ONCE, len(sequences)))
        table = recommender.score_sequences(sequences.take(rows))  # [users, items]
        for user, scores in zip(rows.tolist(), table, strict=True):
            scores[sequences[user] - FIRST_ITEM] = -np.inf
            best = top_k(scores, DEPTH)
            ours.ranking.append([layout.item_ids[row] for row in best])


def _layout_of(world: World) -> ItemLayout:
    """Return the items of the histories, without clusters: the rival has none either."""
    items = sorted({item for history in world.histories for item in history})
    return arrange_items(items, np.zeros(len(items), dtype=np.int64), 1)


def _hand_over(world: World, arguments: argparse.Namespace, folder: Path) -> None:
    with (folder / "train.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["user", "item", "position"])
        for user, history in enumerate(world.histories):
            writer.writerows([user, item, position] for position, item in enumerate(history))
    settings = {
        "threads": arguments.threads,
        "seed": arguments.seed,
        "epochs": arguments.epochs,
        "model": {
            "n_factors": arguments.dimension,
            "n_blocks": arguments.layers,
            "n_heads": arguments.heads,
            "session_max_len": arguments.max_length,
            "batch_size": arguments.batch,
            "dropout_rate": arguments.rival_dropout,
            "lr": arguments.rival_rate,
        },
    }
    (folder / "settings.json").write_text(json.dumps(settings), encoding="utf-8")


def _made_up(arguments: argparse.Namespace) -> list[list[str]]:
    walks = make_walks(arguments.users, arguments.items, arguments.events, arguments.seed)
    return [[str(item) for item in row] for _, walk in walks for row in walk]


def _parse() -> argparse.Namespace:
    shipped = RecommenderConfig()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, help="one user a line; default: a made-up world")
    parser.add_argument("--users", type=int, default=2000, help="of the made-up world")
    parser.add_argument("--items", type=int, default=2000, help="of the made-up world")
    parser.add_argument("--events", type=int, default=40, help="of each user there")
    parser.add_argument("--environment", type=Path, default=_default_environment())
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch", type=int, default=128, help="sequences in a batch")
    parser.add_argument("--dimension", type=int, default=shipped.dimension)
    parser.add_argument("--layers", type=int, default=shipped.n_layers)
    parser.add_argument("--heads", type=int, default=shipped.n_heads)
    parser.add_argument("--max-length", type=int, default=shipped.max_length)
    parser.add_argument("--temperature", type=float, default=shipped.temperature)
    parser.add_argument("--dropout", type=float, default=shipped.dropout)
    parser.add_argument("--rival-dropout", type=float, default=0.2, help="RecTools' default")
    parser.add_argument("--rival-rate", type=float, default=1e-3, help="RecTools' default")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _default_environment() -> Path:
    return Path(tempfile.gettempdir()) / "rectools"


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
