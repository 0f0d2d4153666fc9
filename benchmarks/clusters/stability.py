"""How steady clusters are when they are built again on 10% more interactions.

Run from the top of the repository: `python -m benchmarks.clusters.stability`. The first tree is
built with the default settings on the oldest ten elevenths of the interactions before the test
period, the second on all of them and under another seed: once afresh, once from the first tree.
Steadiness is the share of the items, by weight (training interactions plus one), that are still
under the same id; for the fresh tree, which has ids of its own, under the best matching of ids.
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
import polars as pl
from scipy.optimize import linear_sum_assignment

from benchmarks.clusters.worlds import WORLDS, JudgedWorld, read_world
from benchmarks.markdown import to_markdown
from training.clusters.config import ClusterConfig, PreviousTreeConfig
from training.clusters.lineage.changes import list_changes, measure_changes
from training.clusters.lineage.lineage import keep_ids, keep_names
from training.clusters.naming.describe import describe_tree
from training.clusters.representation.represent import Representation, fit_items
from training.clusters.tree.balance import find_centres
from training.clusters.tree.frames import frame_clusters, frame_item_clusters
from training.clusters.tree.previous import align_previous
from training.clusters.tree.quality import find_stays, read_events
from training.clusters.tree.tree import ClusterTree, build_tree, weigh_items

SEEDS = (0, 1, 2)
OTHER_SEED = 100
GROWTH = 1.1


@dataclass(frozen=True)
class LevelSteadiness:
    """One level of one rebuild; ``fresh`` beside what the tree rebuilt from the first one does."""

    world: str
    seed: int
    level: int
    n_clusters: int
    n_survived: int
    same_id: float
    same_id_of_survivors: float
    fresh_same: float
    balance: float
    fresh_balance: float


@dataclass(frozen=True)
class RebuildQuality:
    """The leaves of one rebuild beside those of a fresh one: how tight, how often people stay."""

    world: str
    seed: int
    kept_names: float
    tightness: float
    fresh_tightness: float
    stays: float
    fresh_stays: float


def main() -> None:
    """Measure what is asked for and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", nargs="+", default=list(WORLDS), choices=list(WORLDS))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--margin", type=float, help="default: that of the settings")
    arguments = parser.parse_args()
    pin = PreviousTreeConfig(folder="in memory", sha256="")
    if arguments.margin is not None:
        pin = pin.model_copy(update={"margin": arguments.margin})
    levels: list[LevelSteadiness] = []
    rebuilds: list[RebuildQuality] = []
    for name in arguments.worlds:
        for seed in arguments.seeds:
            with tempfile.TemporaryDirectory() as folder:
                for found in measure(read_world(name, seed, Path(folder)), seed, pin):
                    print(found, file=sys.stderr, flush=True)
                    if isinstance(found, LevelSteadiness):
                        levels.append(found)
                    else:
                        rebuilds.append(found)
    print(to_steadiness_table(levels), to_quality_table(rebuilds), sep="\n\n")


def measure(
    world: JudgedWorld, seed: int, pin: PreviousTreeConfig
) -> Iterator[LevelSteadiness | RebuildQuality]:
    """Yield each level of one rebuild, then how good its leaves are."""
    config = ClusterConfig()
    since, until = world.held_out(is_test=True)
    first, first_tree = _build(world, find_earlier(world, since), seed, config)
    names = describe_tree(world.items, first_tree, first, config)
    previous = align_previous(
        frame_clusters(first_tree, names, first),
        frame_item_clusters(first_tree, first.item_ids),
        first.item_ids,
        config.levels,
        pin,
    )
    second, fresh = _build(world, since, seed + OTHER_SEED, config)
    rng = np.random.default_rng(seed + OTHER_SEED)
    rebuilt = build_tree(second, config, rng, previous)
    rebuilt, lineages = keep_ids(rebuilt, previous, second)
    new_names = describe_tree(world.items, rebuilt, second, config, keep_names(lineages, previous))
    changes = list_changes(lineages, previous, frame_clusters(rebuilt, new_names, second))
    figures = measure_changes(lineages, changes)
    weights = second.traffic + 1.0
    for level, n_clusters in enumerate(config.levels):
        yield LevelSteadiness(
            world.name,
            seed,
            level,
            n_clusters,
            int(figures[f"n_survived_level_{level}"]),
            figures[f"items_under_same_id_level_{level}"],
            figures[f"items_of_survivors_under_same_id_level_{level}"],
            match_best(first_tree.labels[level], fresh.labels[level], weights),
            _balance(rebuilt.labels[level], second),
            _balance(fresh.labels[level], second),
        )
    yield RebuildQuality(
        world.name,
        seed,
        float(np.mean([a == b for a, b in zip(names[-1], new_names[-1], strict=True)])),
        _tightness(second, rebuilt),
        _tightness(second, fresh),
        _stays(world, rebuilt, since, until),
        _stays(world, fresh, since, until),
    )


def find_earlier(world: JudgedWorld, until: datetime) -> datetime:
    """Return the time before which lies 1 / GROWTH of the interactions before ``until``."""
    times = world.interactions.filter(pl.col("timestamp") < until).select(
        pl.col("timestamp").sort()
    )
    found = times.collect()["timestamp"]
    earlier: datetime = found[int(len(found) / GROWTH)]
    return earlier


def match_best(labels: np.ndarray, others: np.ndarray, weights: np.ndarray) -> float:
    """Return the share of the weight under the same id, ids matched as well as can be."""
    overlap = np.zeros((labels.max() + 1, others.max() + 1))
    np.add.at(overlap, (labels, others), weights)
    rows, columns = linear_sum_assignment(overlap, maximize=True)
    return float(overlap[rows, columns].sum() / weights.sum())


def to_steadiness_table(found: list[LevelSteadiness]) -> str:
    """Return a Markdown table: a row per world and level, the worst over the seeds."""
    names = ["world", "clusters", "survived", "items under the same id", "of survivors", "afresh"]
    rows = []
    for world, n_clusters in dict.fromkeys((level.world, level.n_clusters) for level in found):
        here = [x for x in found if (x.world, x.n_clusters) == (world, n_clusters)]
        rows.append(
            (
                world,
                n_clusters,
                min(x.n_survived for x in here),
                f"{min(x.same_id for x in here):.1%}",
                f"{min(x.same_id_of_survivors for x in here):.1%}",
                f"{max(x.fresh_same for x in here):.1%}",
                f"{max(x.balance for x in here):.2f}",
                f"{max(x.fresh_balance for x in here):.2f}",
            )
        )
    return to_markdown([*names, "max/mean traffic", "afresh"], rows)


def to_quality_table(found: list[RebuildQuality]) -> str:
    """Return a Markdown table: a row per world and seed."""
    names = ["world", "seed", "leaves with the same name", "similarity to the centre", "afresh"]
    rows = [
        (
            x.world,
            x.seed,
            f"{x.kept_names:.1%}",
            f"{x.tightness:.3f}",
            f"{x.fresh_tightness:.3f}",
            f"{x.stays:.3f}",
            f"{x.fresh_stays:.3f}",
        )
        for x in found
    ]
    return to_markdown([*names, "next item stays", "afresh"], rows)


def _build(
    world: JudgedWorld, before: datetime, seed: int, config: ClusterConfig
) -> tuple[Representation, ClusterTree]:
    rng = np.random.default_rng(seed)
    represented = fit_items(world.items, world.interactions, before, config.representation, rng)[1]
    return represented, build_tree(represented, config, rng)


def _balance(labels: np.ndarray, representation: Representation) -> float:
    traffic = np.bincount(labels, weights=representation.traffic)
    return float(traffic.max() / traffic.mean())


def _tightness(representation: Representation, tree: ClusterTree) -> float:
    points, leaves = weigh_items(representation), tree.labels[-1]
    centres = find_centres(points, leaves, len(tree.centres[-1]))
    own = np.einsum("nd,nd->n", points.vectors, centres[leaves])
    return float(np.average(own, weights=points.masses))


def _stays(world: JudgedWorld, tree: ClusterTree, since: datetime, until: datetime) -> float:
    leaves = world.items.select("item_id").with_columns(leaf=tree.labels[-1])
    events = read_events(world.interactions, since, until).join(
        leaves, on="item_id", maintain_order="left"
    )
    return float(find_stays(events, "leaf").drop_nulls().cast(pl.Float64).mean())  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
