"""Compares methods on the same cases: accuracy with paired intervals, and what they expose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.evaluation.clusters.cases import PlannerCases, Ranking
from training.evaluation.metrics import (
    DECIMALS,
    Interval,
    bootstrap_intervals,
    coverage_at_k,
    entropy,
    exposure_at_k,
    gini,
    least_exposed_share,
    recall_at_k,
    reciprocal_rank,
)

KS = (1, 5, 10)
"""The first, what a page shows, and what plans are compared by."""
METRICS = (*(f"recall_at_{k}" for k in KS), "mrr")
RECALL_AT_10 = "recall_at_10"
"""The metric that settings and baselines are chosen by, and that segments and releases compare."""
EXPOSURE_DEPTH = 5
"""As deep as the coverage that is gated: what a plan mostly shows."""

Rankings = Mapping[str, Sequence[Ranking]]
"""For each method by name, one ranking per case."""


def measure_rankings(
    rankings: Sequence[Ranking], cases: PlannerCases
) -> dict[str, NDArray[np.float64]]:
    """Return each of :data:`METRICS` by name, one figure per case, [cases]."""
    rows = [
        [*(recall_at_k(ranked, positives, k) for k in KS), reciprocal_rank(ranked, positives)]
        for ranked, positives in zip(rankings, cases.positives, strict=True)
    ]
    figures = np.array(rows, dtype=np.float64).reshape(-1, len(METRICS))
    return dict(zip(METRICS, figures.T, strict=True))


def compare_accuracy(
    rankings: Rankings,
    against: Sequence[tuple[str, str]],
    cases: PlannerCases,
    rng: np.random.Generator,
    resamples: int,
) -> dict[str, Interval]:
    """Return intervals named ``{metric}_{method}``, and ``{metric}_{ours}_minus_{theirs}``.

    All share their resamples; ``against`` names the pairs of methods whose difference is wanted.
    No cases give no figures.
    """
    if len(cases) == 0:
        return {}
    measured = {name: measure_rankings(ranked, cases) for name, ranked in rankings.items()}
    columns = flatten_figures(add_differences(measured, against))
    table = np.column_stack(list(columns.values()))  # [cases, methods x METRICS]
    intervals = bootstrap_intervals(table, cases.users, rng, resamples)
    return dict(zip(columns, intervals, strict=True))


def add_differences(
    measured: Mapping[str, Mapping[str, NDArray[np.float64]]], against: Sequence[tuple[str, str]]
) -> dict[str, Mapping[str, NDArray[np.float64]]]:
    """Return the figures by method and metric with those of ``{ours}_minus_{theirs}`` behind."""
    differences = {
        f"{ours}_minus_{theirs}": {
            metric: measured[ours][metric] - measured[theirs][metric] for metric in METRICS
        }
        for ours, theirs in against
    }
    return {**measured, **differences}


def flatten_figures(
    measured: Mapping[str, Mapping[str, NDArray[np.float64]]],
) -> dict[str, NDArray[np.float64]]:
    """Return the figures of all methods as flat columns named ``{metric}_{method}``."""
    return {
        f"{metric}_{method}": figures[metric]
        for method, figures in measured.items()
        for metric in METRICS
    }


def compare_segments(
    rankings: Rankings, cases: PlannerCases, rng: np.random.Generator, resamples: int
) -> dict[str, float]:
    """Return recall@10 of every method for light, middle and heavy users, with counts."""
    if len(cases) == 0:
        return {}
    figures: dict[str, float] = {}
    recalls = {
        method: measure_rankings(ranked, cases)[RECALL_AT_10] for method, ranked in rankings.items()
    }
    for segment, chosen in cases.activity_segments().items():
        users = np.array(cases.users)[chosen]
        columns = np.column_stack([recall[chosen] for recall in recalls.values()])
        intervals = bootstrap_intervals(columns, users, rng, resamples)
        for method, interval in zip(rankings, intervals, strict=True):
            figures |= interval.named(f"{RECALL_AT_10}_{method}_{segment}")
        figures[f"n_cases_{segment}"] = len(chosen)
    return figures


def measure_exposure(rankings: Rankings, n_clusters: int) -> dict[str, float]:
    """Return for every method how evenly its plans expose the clusters.

    Coverage of the top one and the top five, and of the top five: the share that the
    least exposed tenth gets, Gini index, entropy in bits; of the first: the share of plans that
    the most frequent cluster leads.
    """
    figures: dict[str, float] = {}
    for method, ranked in rankings.items():
        first = exposure_at_k(ranked, n_clusters, 1)
        shown = exposure_at_k(ranked, n_clusters, EXPOSURE_DEPTH)
        measured = {
            "coverage_at_1": coverage_at_k(ranked, n_clusters, 1),
            "coverage_at_5": coverage_at_k(ranked, n_clusters, EXPOSURE_DEPTH),
            "least_tenth_share": least_exposed_share(shown),
            "gini": gini(shown),
            "entropy_bits": entropy(shown),
            "top1_largest_share": float(first.max() / max(first.sum(), 1)),
        }
        figures |= {f"{name}_{method}": round(value, DECIMALS) for name, value in measured.items()}
    return figures


def tabulate_recall(intervals: Mapping[str, Interval], methods: Sequence[str]) -> pl.DataFrame:
    """Return (method, k, recall, low, high, n_cases), the plot of recall with intervals."""
    found = [
        (method, k, intervals[f"recall_at_{k}_{method}"])
        for method in methods
        for k in KS
        if f"recall_at_{k}_{method}" in intervals
    ]
    return pl.DataFrame(
        {
            "method": [method for method, _, _ in found],
            "k": [k for _, k, _ in found],
            "recall": [interval.mean for _, _, interval in found],
            "low": [interval.low for _, _, interval in found],
            "high": [interval.high for _, _, interval in found],
            "n_cases": [interval.n_cases for _, _, interval in found],
        },
        schema={
            "method": pl.String,
            "k": pl.Int64,
            "recall": pl.Float64,
            "low": pl.Float64,
            "high": pl.Float64,
            "n_cases": pl.Int64,
        },
    ).with_columns(pl.col("recall", "low", "high").round(DECIMALS))


def tabulate_exposure(rankings: Rankings, n_clusters: int) -> pl.DataFrame:
    """Return (method, rank, share): what part of all top fives each cluster gets.

    Clusters stand from the most to the least exposed one of each method.
    """
    frames = []
    for method, ranked in rankings.items():
        counts = np.sort(exposure_at_k(ranked, n_clusters, EXPOSURE_DEPTH))[::-1]
        shares = np.round(counts / max(counts.sum(), 1), DECIMALS)
        ranks = np.arange(1, n_clusters + 1)
        frames.append(
            pl.DataFrame({"rank": ranks, "share": shares}).with_columns(
                pl.lit(method).alias("method")
            )
        )
    return pl.concat(frames).select("method", "rank", "share")
