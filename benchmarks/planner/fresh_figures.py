"""Figures of plans where some clusters are fresh, and their intervals over users and draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.planner.pooling import BOOTSTRAP_SEED, RESAMPLES
from training.evaluation.clusters.cases import PlannerCases, Scores
from training.evaluation.metrics import Interval

# Shapes: B cases, N clusters, U users, D draws, R resamples, X columns.

DEPTH = 10
"""Places of a plan: those of recall@10."""
RECALL_FRESH = "recall@10 of fresh targets"
ALONE_AT_1 = "recall@1, fresh alone"
ALONE_AT_3 = "recall@3, fresh alone"
ALONE_RANK = "reciprocal rank, fresh alone"
RECALL_OTHERS = "recall@10 of other targets"
RECALL = "recall@10"
PLACES = "places of fresh clusters"
FIGURES = (RECALL_FRESH, ALONE_AT_1, ALONE_AT_3, ALONE_RANK, RECALL_OTHERS, RECALL, PLACES)
LEVEL = 0.95
Histories = Literal["others", "fresh"]
"""What people are planned for by: what they did in the other clusters, or in fresh ones alone."""


@dataclass(frozen=True)
class FreshCases:
    """The cases of a window in which some clusters are fresh.

    Attributes:
        cases: their histories hold no fresh cluster, or nothing else. What somebody had in truth
            consumed is planned for nobody, fresh or not: to come back to it is no novelty.
        is_fresh: by cluster, bool [N].
    """

    cases: PlannerCases
    is_fresh: NDArray[np.bool_]

    @property
    def is_open(self) -> NDArray[np.bool_]:
        """Return what may be planned for each case, [B, N]."""
        found = np.ones((len(self.cases), len(self.is_fresh)), dtype=bool)
        for row, (consumed, history) in enumerate(
            zip(self.cases.consumed, self.cases.histories, strict=True)
        ):
            found[row, [*consumed, *history]] = False
        return found

    @property
    def is_liked(self) -> NDArray[np.bool_]:
        """Return what turned out right, [B, N]."""
        found = np.zeros((len(self.cases), len(self.is_fresh)), dtype=bool)
        for row, positives in enumerate(self.cases.positives):
            found[row, sorted(positives)] = True
        return found


def hide_in_cases(
    cases: PlannerCases, fresh: NDArray[np.int64], n_clusters: int, kept: Histories = "others"
) -> FreshCases:
    """Return the cases with histories of other clusters, or of fresh ones; those with none go.

    Args:
        cases: whom to plan for.
        fresh: clusters, int64 [F].
        n_clusters: of all.
        kept: what stays in a history.
    """
    is_fresh = np.isin(np.arange(n_clusters), fresh)
    stays = is_fresh if kept == "fresh" else ~is_fresh
    known = [[one for one in history if stays[one]] for history in cases.histories]
    rows = np.array([row for row, history in enumerate(known) if history], dtype=np.int64)
    told = cases.take(rows)
    histories = [known[row] for row in rows]
    return FreshCases(PlannerCases(told.users, histories, told.consumed, told.positives), is_fresh)


def measure_fresh(scores: Scores, asked: FreshCases) -> dict[str, NDArray[np.float64]]:
    """Return each of :data:`FIGURES` for every case, [B]; not a number where it has none.

    Everything open competes, but for the figures of fresh clusters alone: there only they may be
    planned, so that it does not matter how much exposure they get beside others.
    """
    is_open, liked = asked.is_open, asked.is_liked
    first = _first(np.where(is_open, scores, -np.inf))  # [B, N]
    alone = np.where(is_open & asked.is_fresh, scores, -np.inf)
    fresh_targets = liked & asked.is_fresh
    ranks = np.where(fresh_targets, _ranks(alone), np.inf).min(axis=1) + 1
    some = fresh_targets.any(axis=1)
    return {
        RECALL_FRESH: _recall(first, fresh_targets, DEPTH),
        ALONE_AT_1: _recall(_first(alone, 1), fresh_targets, 1),
        ALONE_AT_3: _recall(_first(alone, 3), fresh_targets, 3),
        ALONE_RANK: np.where(some, 1 / ranks, np.nan),
        RECALL_OTHERS: _recall(first, liked & ~asked.is_fresh, DEPTH),
        RECALL: _recall(first, liked, DEPTH),
        PLACES: (first & asked.is_fresh).sum(axis=1) / np.maximum(first.sum(axis=1), 1),
    }


def cover_fresh(scores: Scores, asked: FreshCases) -> float:
    """Return what share of the fresh clusters stands in the first ten places of some plan."""
    first = _first(np.where(asked.is_open, scores, -np.inf))
    planned = np.asarray(first.any(axis=0))  # [N]
    return float(planned[asked.is_fresh].mean())


def resample_both(
    columns: Mapping[str, NDArray[np.float64]], users: Sequence[str], draws: Sequence[int]
) -> dict[str, Interval]:
    """Return the mean of each column where it is a number, and its interval over users and draws.

    A resample draws as many users and, independently, as many draws of clusters as there are, with
    replacement, each with all its cases (the pigeonhole bootstrap: Owen, 2007). All columns share
    the resamples, so that a column of differences has a paired interval.

    Args:
        columns: figures of every case, [cases].
        users: of each case.
        draws: the draw of fresh clusters behind each case.
    """
    names, user = np.unique(np.asarray(users), return_inverse=True)
    kinds, draw = np.unique(np.asarray(draws), return_inverse=True)
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    times_user = _times(rng, len(names))  # [R, U]
    times_draw = _times(rng, len(kinds))  # [R, D]
    found = {}
    for name, values in columns.items():
        told = np.isfinite(values)
        if not told.any():
            continue
        totals = []
        for weights in (np.where(told, values, 0.0), told.astype(np.float64)):
            sums = np.zeros((len(names), len(kinds)))
            np.add.at(sums, (user, draw), weights)
            totals.append(((times_user @ sums) * times_draw).sum(axis=1))  # [R]
        means = totals[0] / np.maximum(totals[1], 1)
        low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        mean = float(values[told].mean())
        n_users = len(np.unique(user[told]))
        found[name] = Interval(mean, float(low), float(high), int(told.sum()), n_users)
    return found


def _times(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Return how often each of ``count`` things is drawn, in every resample, [R, count]."""
    return rng.multinomial(count, np.full(count, 1 / count), size=RESAMPLES).astype(np.float64)


def _first(scores: Scores, depth: int = DEPTH) -> NDArray[np.bool_]:
    """Return what stands in the first places, [B, N]; equal scores stand in ascending id."""
    return (_ranks(scores) < depth) & np.isfinite(scores)


def _ranks(scores: Scores) -> NDArray[np.int64]:
    return np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1)


def _recall(first: NDArray[np.bool_], wanted: NDArray[np.bool_], depth: int) -> NDArray[np.float64]:
    n_wanted = wanted.sum(axis=1)
    hits = (first & wanted).sum(axis=1)
    return np.where(n_wanted > 0, hits / np.clip(n_wanted, 1, depth), np.nan)
