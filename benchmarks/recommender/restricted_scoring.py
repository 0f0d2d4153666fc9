"""Restricted against full scoring: what planned clusters cost beside the whole catalogue.

Run from the top of the repository: `python -m benchmarks.recommender.restricted_scoring [--items
10000 …]`.

Both contenders get the same encoded histories, plans and consumed items, and return the best ten
unseen items of the planned clusters of each user; the answers are compared before anything is
timed. *Full* multiplies with all items into a buffer, adds a mask that is kept from call to call
(the planned blocks are opened and closed again), strikes out what is consumed, and takes the best
by torch.topk; it uses the fastest of six ways to score: numpy's product, torch's, and torch's onto
the mask, each with the items in rows or in columns. *Restricted* is the call that serving makes.
One thread each, as a request has in the service; they take turns of 64 single users or four
batches, each of other users; medians of seconds of the processor. Vectors are random, clusters
uneven (the largest of 64 about three times the mean); what a user has consumed lies outside the
planned clusters, which are novel by definition. `with bonuses` adds what the counting model
brings: a thousand items for each user.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from inference.serving.config import ServingConfig
from training.item_scoring.block_scoring import BlockQuery, BlockScorer, Bonus
from training.recommender.config import RecommenderConfig
from training.recommender.data.histories import Sequences
from training.recommender.data.layout import FIRST_ITEM, arrange_items
from training.recommender.model.model import make_model
from training.recommender.model.recommender import SequenceRecommender

N_CLUSTERS = {10_000: (16, 32, 64), 100_000: (64, 256), 1_000_000: (64, 256, 1024)}
CALLS = {1: 64, 64: 4}
"""By the users of a batch: calls in a row of one contender, each for other users."""
N_USERS = max(batch * n_calls for batch, n_calls in CALLS.items())
N_PLANNED = 5
"""Clusters that a user's items are of; a request draws some of its plan, mostly two."""
N_CONSUMED = 100
N_BONUSES = 1000
K = ServingConfig().count
UNEVENNESS = 0.4
"""Standard deviation of the logarithm of a cluster's size."""
LEAST_SECONDS = 1.5
"""How long each contender is measured, at least five times."""


@dataclass(frozen=True)
class World:
    """Items in blocks, and users with their plans."""

    vectors: np.ndarray
    block_starts: np.ndarray
    states: np.ndarray
    plans: list[list[int]]
    consumed: list[np.ndarray]
    bonuses: list[Bonus]

    @property
    def items_over_planned(self) -> float:
        """Items of the catalogue for each planned one, over all users."""
        sizes = np.diff(self.block_starts)
        return float(len(self.vectors) / np.mean([sizes[plan].sum() for plan in self.plans]))


class FullScoring:
    """Scores everything and masks: scores go into a kept buffer, the mask is kept as well."""

    def __init__(self, world: World, n_users: int, has_bonuses: bool) -> None:
        self.world = world
        self.has_bonuses = has_bonuses
        n_items = len(world.vectors)
        self.scores = np.zeros((n_users, n_items), dtype=np.float32)  # [U, I]
        self.mask = np.full((n_users, n_items), -np.inf, dtype=np.float32)  # [U, I]
        rows = torch.from_numpy(world.vectors).T  # [D, I], a view
        columns = rows.contiguous()  # [D, I]
        scores, mask = torch.from_numpy(self.scores), torch.from_numpy(self.mask)
        ways: list[Callable[[np.ndarray], object]] = []
        for items in (rows, columns):
            ways += [
                partial(self._multiply_and_mask, items=items.numpy()),
                partial(_multiply_then_add, items=items, mask=mask, scores=scores),
                partial(_add_and_multiply, items=items, mask=mask, scores=scores),
            ]
        self.score = min(ways, key=lambda way: measure(way, world.states[:n_users]))

    def answer(self, users: range) -> tuple[np.ndarray, np.ndarray]:
        """Return rows and scores of the best items of each user."""
        world, starts = self.world, self.world.block_starts
        for row, user in enumerate(users):
            for cluster in world.plans[user]:
                self.mask[row, starts[cluster] : starts[cluster + 1]] = 0
        self.score(world.states[users.start : users.stop])
        if self.has_bonuses:
            for row, user in enumerate(users):
                self.scores[row, world.bonuses[user].rows] += world.bonuses[user].values
        for row, user in enumerate(users):
            self.scores[row, world.consumed[user]] = -np.inf
        best = torch.topk(torch.from_numpy(self.scores), K)
        for row, user in enumerate(users):
            for cluster in world.plans[user]:
                self.mask[row, starts[cluster] : starts[cluster + 1]] = -np.inf
        return best.indices.numpy(), best.values.numpy()

    def _multiply_and_mask(self, states: np.ndarray, items: np.ndarray) -> None:
        np.matmul(states, items, out=self.scores)
        np.add(self.scores, self.mask, out=self.scores)


def _multiply_then_add(
    states: np.ndarray, items: torch.Tensor, mask: torch.Tensor, scores: torch.Tensor
) -> None:
    torch.mm(torch.from_numpy(states), items, out=scores).add_(mask)


def _add_and_multiply(
    states: np.ndarray, items: torch.Tensor, mask: torch.Tensor, scores: torch.Tensor
) -> None:
    torch.addmm(mask, torch.from_numpy(states), items, out=scores)


class RestrictedScoring:
    """Scores the planned blocks only, as serving does."""

    def __init__(self, world: World, has_bonuses: bool) -> None:
        self.states = world.states
        self.bonuses = world.bonuses if has_bonuses else None
        self.scorer = BlockScorer(world.vectors, world.block_starts)
        self.queries = [
            BlockQuery(user, K, plan, frozenset(consumed.tolist()))
            for user, (plan, consumed) in enumerate(zip(world.plans, world.consumed, strict=True))
        ]

    def answer(self, users: range) -> tuple[np.ndarray, np.ndarray]:
        """Return rows and scores of the best items of each user."""
        queries = self.queries[users.start : users.stop]
        ranked = self.scorer.rank(self.states, queries, self.bonuses)
        return ranked.rows, ranked.scores


def main() -> None:
    """Measure every size and print one line for each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recommender.restricted_scoring")
    parser.add_argument("--items", type=int, nargs="+", default=list(N_CLUSTERS))
    sizes = parser.parse_args().items
    torch.set_num_threads(1)
    dimension = RecommenderConfig().dimension
    print(f"{dimension} dimensions, {N_PLANNED} planned clusters, best {K}; one thread")
    with threadpool_limits(1), torch.no_grad():
        print(
            "reading a history of 50 items, the same for both: "
            + ", ".join(
                f"{measure_reading(n) * 1e6:,.0f} µs a user in batches of {n}" for n in CALLS
            )
        )
        head = f"{'items':>9} {'clusters':>8} {'users':>5} {'full µs':>12} {'restricted µs':>13} "
        print(head + f"{'faster':>7} {'half of items/planned':>22} {'faster with bonuses':>20}")
        for n_items in sizes:
            for n_clusters in N_CLUSTERS[n_items]:
                world = make_world(n_items, n_clusters, dimension)
                for batch in CALLS:
                    full, restricted = compare(world, batch, has_bonuses=False)
                    full_with, restricted_with = compare(world, batch, has_bonuses=True)
                    print(
                        f"{n_items:9,} {n_clusters:8,} {batch:5} {full * 1e6:12,.1f} "
                        f"{restricted * 1e6:13,.1f} {full / restricted:7.1f} "
                        f"{world.items_over_planned / 2:22.1f} {full_with / restricted_with:20.1f}",
                        flush=True,
                    )


def make_world(n_items: int, n_clusters: int, dimension: int) -> World:
    """Return random unit vectors in uneven blocks, and users with random plans."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((n_items, dimension), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    states = rng.standard_normal((N_USERS, dimension), dtype=np.float32)
    weights = np.exp(UNEVENNESS * rng.standard_normal(n_clusters))
    sizes = rng.multinomial(n_items, weights / weights.sum())
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    cluster_of = np.repeat(np.arange(n_clusters), sizes)
    plans, consumed, bonuses = [], [], []
    for _ in range(N_USERS):
        plans.append(sorted(rng.choice(n_clusters, N_PLANNED, replace=False).tolist()))
        drawn = np.unique(rng.integers(n_items, size=2 * N_CONSUMED))
        outside = drawn[~np.isin(cluster_of[drawn], plans[-1])]
        consumed.append(rng.permutation(outside)[:N_CONSUMED])
        rows = np.sort(rng.choice(n_items, N_BONUSES, replace=False))
        bonuses.append(Bonus(rows, rng.random(N_BONUSES, dtype=np.float32)))
    return World(vectors, starts, states, plans, consumed, bonuses)


def compare(world: World, batch: int, has_bonuses: bool) -> tuple[float, float]:
    """Return the median seconds of one call of full and of restricted scoring."""
    contenders: list[Callable[[range], tuple[np.ndarray, np.ndarray]]] = [
        FullScoring(world, batch, has_bonuses).answer,
        RestrictedScoring(world, has_bonuses).answer,
    ]
    calls = [range(n * batch, (n + 1) * batch) for n in range(CALLS[batch])]
    for users in calls:
        (rows, scores), (own_rows, own_scores) = (answer(users) for answer in contenders)
        assert np.allclose(scores, own_scores, atol=1e-5), "the contenders disagree"
        assert np.mean(rows == own_rows) > 0.99, "the contenders disagree"
    seconds: tuple[list[float], list[float]] = ([], [])
    while len(seconds[0]) < 5 or sum(seconds[0]) < LEAST_SECONDS / len(calls):
        for answer, spent in zip(contenders, seconds, strict=True):
            started = time.thread_time()
            for users in calls:
                answer(users)
            spent.append((time.thread_time() - started) / len(calls))
    return median(seconds[0]), median(seconds[1])


def measure(way: Callable[[np.ndarray], object], states: np.ndarray) -> float:
    """Return the seconds of a way to score, the shortest of three."""
    spent = []
    for _ in range(3):
        started = time.thread_time()
        way(states)
        spent.append(time.thread_time() - started)
    return min(spent)


def measure_reading(n_users: int) -> float:
    """Return the median seconds that the transformer takes for one of ``n_users`` histories."""
    config = RecommenderConfig()
    layout = arrange_items([str(n) for n in range(1000)], np.zeros(1000, dtype=np.int64), 1)
    model = make_model(layout, config, torch.Generator().manual_seed(0))
    recommender = SequenceRecommender(model, layout, config)
    rng = np.random.default_rng(0)
    shape = (n_users, config.max_length)
    histories = Sequences.of(rng.integers(FIRST_ITEM, layout.n_items, shape).tolist())
    spent = []
    for _ in range(20):
        started = time.thread_time()
        recommender.encode(histories)
        spent.append((time.thread_time() - started) / n_users)
    return median(spent)


if __name__ == "__main__":
    main()
