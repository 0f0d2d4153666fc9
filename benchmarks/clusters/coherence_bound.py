"""How far any partition could keep the next item, if part of the held-out steps were known.

Run from the top of the repository: `python -m benchmarks.clusters.coherence_bound`. A partition is
moved item by item, annealed, towards more weight within clusters, under the cap and the fewest
items of our own; it starts from our leaves. Its weights are a sum of graphs: a user's neighbouring
steps of the training time, likeness of text, likeness of our vectors, and, for the oracle, the
validation steps of one half of the users; it is judged on those of the other half, then the other
way round.
"""

from __future__ import annotations

import argparse
import tempfile
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from benchmarks.clusters.quality import TEXT_ALONE
from benchmarks.clusters.worlds import WORLDS, JudgedWorld, read_world
from benchmarks.markdown import to_markdown
from training.clusters.config import ClusterConfig
from training.clusters.representation.represent import fit_items
from training.clusters.tree.quality import read_events
from training.clusters.tree.tree import build_tree

NEIGHBOURS = 40
SHARPNESS = 4
SWEEPS = 40
COOL_AT = 0.7  # of the sweeps
HEAT = 0.3  # of an item's usual weight
ORACLE_WEIGHTS = (0.0, 0.3, 1.0)
TEXT_WEIGHTS = (0.0, 1.0, 3.0)

Steps = tuple[np.ndarray, np.ndarray, np.ndarray]
"""User, item before, item after, each ``[n_steps]``."""


def main() -> None:
    """Print how often the next item stays, by what the partition was allowed to know."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--world", default="office", choices=list(WORLDS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--clusters", type=int, default=64)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        world = read_world(arguments.world, arguments.seed, Path(folder))
        print(measure(world, arguments.seed, arguments.clusters))


def measure(world: JudgedWorld, seed: int, n_clusters: int) -> str:
    """Return a Markdown table: what weighs, what stays of unknown steps, and of known ones."""
    rng = np.random.default_rng(seed)
    since, until = world.held_out(is_test=False)
    config = ClusterConfig(levels=(n_clusters,))
    ours = fit_items(
        world.items, world.interactions, since, config.representation, np.random.default_rng(seed)
    )[1]
    text = fit_items(
        world.items, world.interactions, since, TEXT_ALONE, np.random.default_rng(seed)
    )[1]
    before = _read_steps(world, datetime(1900, 1, 1, tzinfo=UTC), since)
    held_out = _read_steps(world, since, until)
    loads = ours.traffic.astype(np.float64)
    graphs = [
        _join(before, world.items.height),
        _find_like(text.vectors, loads),
        _find_like(ours.vectors, loads),
    ]
    start, plain = (
        build_tree(represented, config, np.random.default_rng(seed)).labels[-1]
        for represented in (ours, text)
    )
    rows = [("text alone", f"{_stays(plain, held_out):.3f}", "")]
    rows.append(("ours", f"{_stays(start, held_out):.3f}", ""))
    in_first = rng.permutation(int(held_out[0].max()) + 1)[held_out[0]] % 2 == 0
    for known, like in product(ORACLE_WEIGHTS, TEXT_WEIGHTS):
        weights = graphs[0] + like * graphs[1] + min(like, 1) * graphs[2]
        unseen, seen = [], []
        for is_known in (in_first, ~in_first):
            shown, hidden = (_take(held_out, part) for part in (is_known, ~is_known))
            whole = sp.csr_matrix(weights + known * _join(shown, world.items.height))
            labels = _optimise(whole, start, loads, config, rng)
            unseen.append(_stays(labels, hidden) * (~is_known).mean())
            seen.append(_stays(labels, shown) * is_known.mean())
        name = f"half of the steps × {known}, steps before × 1, likeness × {like}"
        rows.append((name, f"{sum(unseen):.3f}", f"{sum(seen):.3f}" if known else ""))
    return to_markdown(["partition by", "unknown steps that stay", "known steps"], rows)


def _read_steps(world: JudgedWorld, since: datetime, until: datetime) -> Steps:
    events = read_events(world.interactions, since, until)
    rows = np.searchsorted(world.items["item_id"].to_numpy(), events["item_id"].to_numpy())
    users = np.unique(events["user_id"].to_numpy(), return_inverse=True)[1]
    follows = users[1:] == users[:-1]
    return users[1:][follows], rows[:-1][follows], rows[1:][follows]


def _take(steps: Steps, part: np.ndarray) -> Steps:
    users, first, second = (column[part] for column in steps)
    return users, first, second


def _stays(labels: np.ndarray, steps: Steps) -> float:
    return float(np.mean(labels[steps[1]] == labels[steps[2]]))


def _join(steps: Steps, n_items: int) -> sp.csr_matrix:
    """Return steps as an undirected graph of total weight 1 without loops."""
    _, first, second = (column[steps[1] != steps[2]] for column in steps)
    graph = sp.csr_matrix((np.ones(len(first)), (first, second)), shape=(n_items, n_items))
    return sp.csr_matrix((graph + graph.T) / (2 * len(first)))


def _find_like(vectors: np.ndarray, loads: np.ndarray) -> sp.csr_matrix:
    """Return the nearest neighbours, weighed by cosine and traffic, as a graph of weight 1."""
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -1)
    nearest = np.argpartition(-similarity, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    cosines = np.clip(np.take_along_axis(similarity, nearest, axis=1), 0, None)
    mass = np.sqrt(1 + loads)
    weights = cosines.astype(np.float64) ** SHARPNESS * mass[:, None] * mass[nearest]
    rows = np.repeat(np.arange(len(vectors)), NEIGHBOURS)
    graph = sp.csr_matrix((weights.ravel(), (rows, nearest.ravel())), shape=similarity.shape)
    return sp.csr_matrix((graph + graph.T) / (2 * graph.sum()))


def _optimise(
    graph: sp.csr_matrix,
    start: np.ndarray,
    loads: np.ndarray,
    config: ClusterConfig,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return labels with more weight within clusters, within the limits of ``config``."""
    n_clusters = config.levels[-1]
    labels = start.copy()
    sums = np.bincount(labels, weights=loads, minlength=n_clusters)
    counts = np.bincount(labels, minlength=n_clusters)
    cap = config.balance * sums.mean()
    degrees = np.asarray(graph.sum(axis=1)).ravel()
    usual = float(np.median(degrees[degrees > 0]))
    for sweep in range(SWEEPS):
        heat = HEAT * usual * max(0.0, 1 - sweep / (COOL_AT * SWEEPS))
        for item in rng.permutation(len(labels)):
            own = labels[item]
            cells = slice(graph.indptr[item], graph.indptr[item + 1])
            if counts[own] <= config.min_items or cells.start == cells.stop:
                continue
            gains = heat * rng.gumbel(size=n_clusters) + np.bincount(
                labels[graph.indices[cells]], weights=graph.data[cells], minlength=n_clusters
            )
            has_room = sums + loads[item] <= cap
            has_room[own] = True
            goal = int(np.where(has_room, gains, -np.inf).argmax())
            for cluster, step in ((own, -1), (goal, 1)):
                sums[cluster] += step * loads[item]
                counts[cluster] += step
            labels[item] = goal
    return labels


if __name__ == "__main__":
    main()
