"""Every model on the same cases: means with intervals, differences from ours, and buckets.

Figures are named ``{model}_{measure}_at_{k}``, with ``_{bucket}_users`` or ``_{bucket}_items`` for
a part of the cases; ``{ours}_over_{model}_{measure}_at_{k}`` is the paired difference. Bounds of
the 95% interval over users stand beside them under ``_low`` and ``_high``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from training.evaluation.clusters.cases import segment_by_activity
from training.evaluation.items.buckets import (
    BUCKET_DEPTH,
    ITEM_BUCKETS,
    bucket_items,
    recall_by_item,
)
from training.evaluation.items.cases import HeldOut
from training.evaluation.items.lists import ItemFacts, measure_coverage, measure_lists
from training.evaluation.items.measures import measure_ranks
from training.evaluation.items.ranks import ItemRankings
from training.evaluation.metrics import DECIMALS, bootstrap_intervals

# Shapes: C cases.

COMPARED = ("ndcg_at_10", "hit_rate_at_10")
"""Measures in which ours is compared with each of the others."""


def measure_cases(
    rankings: ItemRankings, cases: HeldOut, facts: ItemFacts
) -> dict[str, np.ndarray]:
    """Return every measure of every case, float64 ``[C]`` each, by its name."""
    accuracy = measure_ranks(rankings.ranks, cases.positives.offsets)
    return accuracy | measure_lists(rankings.best, cases.positives, facts)


def summarise_models(
    ranked: Mapping[str, ItemRankings],
    cases: HeldOut,
    users: Sequence[str],
    facts: ItemFacts,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Return flat figures of every model over all the cases.

    Args:
        ranked: what each model made of the cases; the first is ours.
        cases: what was held out.
        users: whose case each is, ``[C]``: the unit of the bootstrap.
        facts: of the items, before the cases began.
        rng: draws the bootstrap's users.
    """
    figures: dict[str, float] = {
        "n_cases": len(cases),
        "n_users": len(set(users)),
        "n_items": len(facts.n_likes),
    }
    if not len(cases):
        return figures
    measured = {name: measure_cases(rankings, cases, facts) for name, rankings in ranked.items()}
    columns = name_columns(measured, next(iter(ranked)), COMPARED)
    for name, rankings in ranked.items():
        coverage = measure_coverage(rankings.best, len(facts.n_likes))
        figures[f"{name}_coverage_at_10"] = round(coverage, DECIMALS)
    return figures | name_intervals(columns, users, rng)


def summarise_users(
    ranked: Mapping[str, ItemRankings],
    cases: HeldOut,
    users: Sequence[str],
    n_consumed: np.ndarray,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Return recall@10 of every model for light, middle and heavy users, with counts.

    Args:
        ranked: what each model made of the cases.
        cases: what was held out.
        users: whose case each is, ``[C]``.
        n_consumed: items that the user had consumed before, ``[C]``.
        rng: draws the bootstrap's users.
    """
    figures: dict[str, float] = {}
    recalls = {
        name: measure_ranks(rankings.ranks, cases.positives.offsets, [BUCKET_DEPTH])
        for name, rankings in ranked.items()
    }
    for segment, rows in segment_by_activity(n_consumed).items():
        figures[f"n_cases_{segment}_users"] = len(rows)
        columns = {
            f"{name}_recall_at_{BUCKET_DEPTH}_{segment}_users": of_model[
                f"recall_at_{BUCKET_DEPTH}"
            ][rows]
            for name, of_model in recalls.items()
        }
        figures |= name_intervals(columns, np.array(users)[rows], rng)
    return figures


def summarise_items(
    ranked: Mapping[str, ItemRankings],
    cases: HeldOut,
    users: Sequence[str],
    facts: ItemFacts,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Return recall@10 of every model of cold, tail, middle and head items, with counts.

    The arguments are those of :func:`summarise_models`.
    """
    buckets = bucket_items(facts.n_likes)
    recalls = {name: recall_by_item(r.ranks, cases, buckets) for name, r in ranked.items()}
    figures: dict[str, float] = {}
    for index, bucket in enumerate(ITEM_BUCKETS):
        of_bucket = {name: found[index] for name, found in recalls.items()}
        any_model = next(iter(of_bucket.values()))
        figures[f"n_cases_{bucket}_items"] = len(any_model.cases)
        figures[f"n_positives_{bucket}_items"] = any_model.n_positives
        if any_model.n_positives:
            columns = {
                f"{name}_recall_at_{BUCKET_DEPTH}_{bucket}_items": found.recall
                for name, found in of_bucket.items()
            }
            figures |= name_intervals(columns, np.array(users)[any_model.cases], rng)
    return figures


def name_columns(
    measured: Mapping[str, Mapping[str, np.ndarray]], ours: str, compared: Sequence[str]
) -> dict[str, np.ndarray]:
    """Return ``{name}_{measure}``, then ``{ours}_over_{name}_{measure}``, ``[C]`` each.

    Args:
        measured: by name and measure, the values of the cases.
        ours: the name that is compared with each of the others.
        compared: measures whose difference, case by case, is wanted.
    """
    return {
        f"{name}_{measure}": values
        for name, measures in measured.items()
        for measure, values in measures.items()
    } | {
        f"{ours}_over_{name}_{measure}": measured[ours][measure] - measures[measure]
        for name, measures in measured.items()
        if name != ours
        for measure in compared
    }


def name_intervals(
    columns: Mapping[str, np.ndarray], users: Sequence[str] | np.ndarray, rng: np.random.Generator
) -> dict[str, float]:
    """Return the mean of each named column ``[C]`` with the bounds of its interval over users."""
    table = np.column_stack(list(columns.values()))  # [C, columns]
    intervals = bootstrap_intervals(table, users, rng)
    named = [interval.named(name) for name, interval in zip(columns, intervals, strict=True)]
    return {key: value for entries in named for key, value in entries.items()}
