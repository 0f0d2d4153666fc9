"""How good the clusters are on three worlds and several seeds: balance, homogeneity, coherence.

Run from the top of the repository: `python -m benchmarks.clusters.quality`. The tree is built with
the default settings on the time before the held-out period: the test period, or the validation
window with `--validation`, which is the one to choose settings by. Coherence is the rate at which
a user's next interaction stays in the cluster of the one before, over the rate under k-means on
the text vectors alone, balanced by the same routine and the same loads.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from sklearn.metrics import homogeneity_score

from benchmarks.clusters.worlds import WORLDS, JudgedWorld, read_world
from benchmarks.markdown import to_markdown
from training.clusters.config import ClusterConfig, RepresentationConfig
from training.clusters.representation.represent import Representation, fit_items
from training.clusters.tree.quality import find_stays, read_events
from training.clusters.tree.tree import ClusterTree, build_tree

COUNTS = (32, 64, 128, 256)
SEEDS = (0, 1, 2)
RESAMPLES = 1000
TEXT_ALONE = RepresentationConfig(collaborative_weight=0, guessed_weight=0, word_floor=1)


@dataclass(frozen=True)
class LevelQuality:
    """One level of one tree.

    ``bound`` is what the traffic balance is held to; ``homogeneity`` is against planted topics.
    """

    n_clusters: int
    balance: float
    bound: float
    min_items: int
    homogeneity: float | None


@dataclass(frozen=True)
class Coherence:
    """How often next items stay, on our leaves and on those of text alone; their ratio."""

    ours: float
    text_alone: float
    ratio: float
    low: float
    high: float
    n_steps: int


@dataclass(frozen=True)
class TreeQuality:
    """One tree of one world and seed; levels broad to narrow."""

    world: str
    seed: int
    levels: tuple[LevelQuality, ...]
    coherence: Coherence


def main() -> None:
    """Measure what is asked for and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", nargs="+", default=list(WORLDS), choices=list(WORLDS))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS)
    parser.add_argument("--validation", action="store_true", help="judge on the validation window")
    arguments = parser.parse_args()
    measured = []
    for name in arguments.worlds:
        for seed in arguments.seeds:
            with tempfile.TemporaryDirectory() as folder:
                world = read_world(name, seed, Path(folder))
                for quality in measure(world, seed, arguments.counts, not arguments.validation):
                    print(quality, file=sys.stderr, flush=True)
                    measured.append(quality)
    print(to_balance_table(measured), to_coherence_table(measured), sep="\n\n")


def measure(
    world: JudgedWorld, seed: int, counts: tuple[int, ...], is_test: bool
) -> Iterator[TreeQuality]:
    """Yield the quality of one tree per number of leaves."""
    since, until = world.held_out(is_test)
    ours = _represent(world, ClusterConfig().representation, since, seed)
    text_alone = _represent(world, TEXT_ALONE, since, seed)
    for count in counts:
        config = ClusterConfig(levels=levels_above(count))
        rng = np.random.default_rng(seed)
        tree = build_tree(ours, config, rng)
        leaves = ClusterConfig(levels=(count,))
        plain = build_tree(text_alone, leaves, np.random.default_rng(seed))
        yield TreeQuality(
            world.name,
            seed,
            tuple(_measure_level(world, ours, labels) for labels in tree.labels),
            _compare(world, tree, plain, since, until, rng),
        )


def levels_above(count: int) -> tuple[int, ...]:
    """Return three levels that end in ``count``, each four times as many as the one above."""
    return (count // 16, count // 4, count)


def _represent(
    world: JudgedWorld, config: RepresentationConfig, before: datetime, seed: int
) -> Representation:
    rng = np.random.default_rng(seed)
    return fit_items(world.items, world.interactions, before, config, rng)[1]


def _measure_level(
    world: JudgedWorld, representation: Representation, labels: np.ndarray
) -> LevelQuality:
    n_clusters = int(labels.max()) + 1
    traffic = np.bincount(labels, weights=representation.traffic, minlength=n_clusters)
    top_over_mean = representation.top_item_share * n_clusters
    known = world.topic_of_item
    return LevelQuality(
        n_clusters,
        balance=float(traffic.max() / traffic.mean()),
        bound=1.3 if n_clusters <= 64 else max(1.6, 1.1 * top_over_mean),
        min_items=int(np.bincount(labels, minlength=n_clusters).min()),
        homogeneity=None if known is None else float(homogeneity_score(known, labels)),
    )


def _compare(
    world: JudgedWorld,
    ours: ClusterTree,
    plain: ClusterTree,
    since: datetime,
    until: datetime,
    rng: np.random.Generator,
) -> Coherence:
    leaves = world.items.select("item_id").with_columns(
        ours=ours.labels[-1], plain=plain.labels[-1]
    )
    events = read_events(world.interactions, since, until).join(
        leaves, on="item_id", maintain_order="left"
    )
    stays = events.select("user_id").with_columns(
        find_stays(events, "ours").alias("ours"), find_stays(events, "plain").alias("plain")
    )
    steps = stays.drop_nulls()
    flags = steps.select("ours", "plain").to_numpy().astype(np.float64)
    low, high = _bootstrap_ratio(flags, steps["user_id"].to_numpy(), rng)
    rates = flags.mean(axis=0)
    return Coherence(
        float(rates[0]), float(rates[1]), float(rates[0] / rates[1]), low, high, len(flags)
    )


def _bootstrap_ratio(
    flags: np.ndarray, users: np.ndarray, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the 95% ends of the ratio of the two columns' means, resampling whole users."""
    names, index = np.unique(users, return_inverse=True)
    sums = np.zeros((len(names), 2))
    np.add.at(sums, index, flags)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES) @ sums
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])
    return float(low), float(high)


def to_balance_table(measured: list[TreeQuality]) -> str:
    """Return a Markdown table: a row per world and number of clusters, the worst over all trees."""
    names = ["world", "clusters", "max/mean traffic, worst", "asked", "fewest items", "homogeneity"]
    rows = []
    pairs = [(quality.world, level) for quality in measured for level in quality.levels]
    for world in dict.fromkeys(world for world, _ in pairs):
        for count in sorted({level.n_clusters for name, level in pairs if name == world}):
            found = [level for name, level in pairs if (name, level.n_clusters) == (world, count)]
            worst = max(found, key=lambda level: level.balance / level.bound)
            known = [level.homogeneity for level in found if level.homogeneity is not None]
            homogeneity = f"{min(known):.3f}" if known else "–"
            fewest = min(level.min_items for level in found)
            worst_and_asked = (f"{worst.balance:.2f}", f"{worst.bound:.2f}")
            rows.append((world, count, *worst_and_asked, fewest, homogeneity))
    return to_markdown(names, rows)


def to_coherence_table(measured: list[TreeQuality]) -> str:
    """Return a Markdown table: a row per world, number of leaves and seed."""
    names = ["world", "leaves", "seed", "steps", "stays", "on text alone", "ratio, 95% interval"]
    rows = []
    for quality in sorted(measured, key=lambda q: (q.world, q.levels[-1].n_clusters, q.seed)):
        found = quality.coherence
        rows.append(
            (
                quality.world,
                quality.levels[-1].n_clusters,
                quality.seed,
                f"{found.n_steps:,}",
                f"{found.ours:.3f}",
                f"{found.text_alone:.3f}",
                f"{found.ratio:.2f} [{found.low:.2f}, {found.high:.2f}]",
            )
        )
    return to_markdown(names, rows)


if __name__ == "__main__":
    main()
