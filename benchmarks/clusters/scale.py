"""Wall time and peak memory of the cluster tree on catalogues of growing size.

Run from the top of the repository: `python -m benchmarks.clusters.scale`. The catalogue is made up:
64-dimensional vectors around topics of uneven size, and a log of 20 interactions an item with a
long tail of popularity. Each size runs as its own process on two cores: it counts the traffic in
the log and grows a tree of 16, 128 and 1,024 clusters. With `--whole` it also represents items by
title and co-occurrence and names the clusters.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from resource import RUSAGE_SELF, getrusage

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from training.clusters.config import ClusterConfig
from training.clusters.naming.describe import describe_tree
from training.clusters.representation.collaborative import count_interactions
from training.clusters.representation.represent import Representation, fit_items
from training.clusters.tree.tree import ClusterTree, build_tree

REPOSITORY = Path(__file__).resolve().parents[2]
CORES = 2
DIMENSIONS = 64
TOPICS = 2_000
INTERACTIONS_PER_ITEM = 20
EVENTS_PER_USER = 20
LEVELS = (16, 128, 1024)
START = datetime(2024, 1, 1, tzinfo=UTC)
END = START + timedelta(days=365)
SYLLABLES = tuple(first + second for first in "bdfgklmnpr" for second in "ai")


def main() -> None:
    """Measure every size asked for, each in a process of its own, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--whole", action="store_true", help="represent and name as well")
    parser.add_argument("--inside", action="store_true", help="measure here, print JSON")
    arguments = parser.parse_args()
    if arguments.inside:
        print(json.dumps(measure(arguments.sizes[0], arguments.whole)))
        return
    rows = [run_apart(size, arguments.whole) for size in arguments.sizes]
    print(to_table(rows))


def run_apart(n_items: int, is_whole: bool) -> dict[str, float]:
    """Measure one size in a process held to :data:`CORES` cores."""
    cores = ",".join(str(core) for core in sorted(os.sched_getaffinity(0))[:CORES])
    command = [
        sys.executable,
        "-m",
        "benchmarks.clusters.scale",
        "--inside",
        "--sizes",
        str(n_items),
    ]
    command += ["--whole"] if is_whole else []
    found = subprocess.run(
        ["taskset", "-c", cores, *command],
        cwd=REPOSITORY,
        env={**os.environ, "POLARS_MAX_THREADS": str(CORES)},
        check=True,
        stdout=subprocess.PIPE,
    )
    measured: dict[str, float] = json.loads(found.stdout)
    print(measured, file=sys.stderr, flush=True)
    return measured


def measure(n_items: int, is_whole: bool) -> dict[str, float]:
    """Return seconds of every step, the peak memory in GB, and how even the tree is."""
    rng = np.random.default_rng(n_items)
    spent: dict[str, float] = {"items": n_items, "interactions": n_items * INTERACTIONS_PER_ITEM}
    topics = draw_topics(n_items, rng)
    config = ClusterConfig(levels=LEVELS)
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(CORES):
        log = Path(folder) / "log.parquet"
        write_log(topics, log, rng)
        interactions = pl.scan_parquet(log)
        if is_whole:
            items = draw_item_table(topics, rng)
            with timed(spent, "represent"):
                represented = fit_items(items, interactions, END, config.representation, rng)[1]
        else:
            ids = pl.Series("item_id", [name_item(row) for row in range(n_items)])
            vectors = draw_vectors(topics, rng)
            with timed(spent, "count"):
                traffic = count_interactions(interactions, ids, END)
            represented = Representation(ids, vectors, vectors[:, :1], traffic)
        with timed(spent, "tree"):
            tree = build_tree(represented, config, rng)
        if is_whole:
            with timed(spent, "describe"):
                describe_tree(items, tree, represented, config)
    spent["peak_memory_gb"] = getrusage(RUSAGE_SELF).ru_maxrss / 2**20
    return spent | judge(tree, represented.traffic)


def judge(tree: ClusterTree, traffic: np.ndarray) -> dict[str, float]:
    """Return balance and fewest items of the narrowest level."""
    labels = tree.labels[-1]
    sums = np.bincount(labels, weights=traffic, minlength=LEVELS[-1])
    return {
        "balance": float(sums.max() / sums.mean()),
        "top_over_mean": float(traffic.max() / sums.mean()),
        "min_items": int(np.bincount(labels, minlength=LEVELS[-1]).min()),
    }


def draw_topics(n_items: int, rng: np.random.Generator) -> np.ndarray:
    """Return the topic of each item; a topic is up to twenty times as large as another."""
    shares = rng.uniform(0.1, 2, TOPICS)
    return rng.choice(TOPICS, size=n_items, p=shares / shares.sum())


def draw_vectors(topics: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return unit vectors around their topics, float32 ``[n_items, DIMENSIONS]``."""
    centres = rng.standard_normal((TOPICS, DIMENSIONS), dtype=np.float32)
    vectors = rng.standard_normal((len(topics), DIMENSIONS), dtype=np.float32)
    vectors *= np.float32(0.8)
    vectors += centres[topics]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def draw_item_table(topics: np.ndarray, rng: np.random.Generator) -> pl.DataFrame:
    """Return the table ITEMS: titles of two words of the topic and two of any topic."""
    words = np.array([name_word(number) for number in range(4 * TOPICS)])
    own = words[4 * topics[:, None] + rng.integers(4, size=(len(topics), 2))]
    any_word = words[rng.integers(len(words), size=(len(topics), 2))]
    titles = [" ".join(row) for row in np.hstack([own, any_word])]
    return pl.DataFrame(
        {
            "item_id": [name_item(row) for row in range(len(topics))],
            "title": titles,
            "text": [""] * len(titles),
            "category_path": [None] * len(titles),
        },
        schema_overrides={"category_path": pl.List(pl.String)},
    )


def write_log(topics: np.ndarray, path: Path, rng: np.random.Generator) -> None:
    """Write INTERACTIONS: users act in one topic's neighbourhood four times out of five."""
    n_events = len(topics) * INTERACTIONS_PER_ITEM
    order = np.argsort(topics, kind="stable")  # items by topic: a neighbourhood is a range
    users = np.arange(n_events) // EVENTS_PER_USER
    homes = rng.integers(len(topics), size=int(users[-1]) + 1)
    width = max(len(topics) // TOPICS, 5)
    near = (homes[users] + np.floor(width * rng.random(n_events) ** 3).astype(int)) % len(topics)
    anywhere = np.floor(len(topics) * rng.random(n_events) ** 1.5).astype(int)
    drawn = np.where(rng.random(n_events) < 0.8, near, anywhere)
    names = pl.Series([name_item(row) for row in range(len(topics))])
    pl.DataFrame(
        {
            "user_id": users,
            "item_id": names.gather(order[drawn]),
            "timestamp": START
            + pl.Series(rng.integers(0, 364 * 86_400, n_events)) * timedelta(seconds=1),
        }
    ).with_columns(
        pl.col("user_id").cast(pl.String), feedback=pl.lit(None, dtype=pl.Float32), is_positive=True
    ).write_parquet(path)


def name_item(row: int) -> str:
    """Return the id of an item."""
    return f"i{row:07}"


def name_word(number: int) -> str:
    """Return a pronounceable word of its own for every number."""
    syllables = []
    for _ in range(4):
        number, digit = divmod(number, len(SYLLABLES))
        syllables.append(SYLLABLES[digit])
    return "".join(syllables)


@contextmanager
def timed(spent: dict[str, float], step: str) -> Iterator[None]:
    """Note the wall and the CPU seconds of what runs within."""
    started, worked = time.perf_counter(), time.process_time()
    yield
    spent[f"{step}_seconds"] = time.perf_counter() - started
    spent[f"{step}_cpu"] = time.process_time() - worked


def to_table(rows: Sequence[dict[str, float]]) -> str:
    """Return the measurements as a Markdown table, and the log-log slopes of the whole time."""
    names = list(rows[0])
    lines = ["| " + " | ".join(name.replace("_", " ") for name in names) + " |"]
    lines.append("|" + " ---: |" * len(names))
    for row in rows:
        cells = (f"{row[n]:,.2f}" if isinstance(row[n], float) else f"{row[n]:,}" for n in names)
        lines.append("| " + " | ".join(cells) + " |")
    if len(rows) > 1:
        sizes = np.log([row["items"] for row in rows])
        for kind in ("seconds", "cpu"):
            spent = [sum(row[name] for name in names if name.endswith(kind)) for row in rows]
            slope = np.polyfit(sizes, np.log(spent), 1)[0]
            lines.append(f"\nlog-log slope of {kind} against items: {slope:.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
