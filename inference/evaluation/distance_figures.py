"""What ``metrics/planner.json`` and the plots say by distance, of every contender alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from inference.evaluation.contenders import AS_SERVED
from inference.plans.config import Mix, PlanConfig
from inference.plans.deal import deal, place_clusters
from training.clusters.distance import DISTANCES, KNOWN
from training.evaluation.clusters.by_distance import (
    DISTANCE_DEPTH,
    CaseDistances,
    Places,
    expose_by_distance,
    intervals_where_defined,
    measure_places,
    measure_within,
    share_by_distance,
)
from training.evaluation.clusters.cases import PlannerCases, Scores
from training.evaluation.clusters.compare import EXPOSURE_DEPTH, METRICS, RECALL_AT_10
from training.evaluation.metrics import DECIMALS, Interval

Figures = Mapping[str, NDArray[np.float64]]
"""Of every case by name, [cases]."""

COMPARED = tuple(f"{RECALL_AT_10}{form}_{name}" for form in ("", "_within") for name in DISTANCES)
"""What two contenders are compared by at each distance."""
ADJACENT_PLANNED = f"share_at_{EXPOSURE_DEPTH}_adjacent_{AS_SERVED}"
CURVE_POINTS = 11
"""Turns of the mix, from all places next door to all in new fields."""


def place_contenders(
    scores: Mapping[str, Scores],
    distances: CaseDistances,
    plan: PlanConfig,
    depth: int,
    mixes: NDArray[np.float64] | None,
) -> dict[str, Places]:
    """Return what stands at each place of every contender's plans, given out to all alike.

    As ``plan`` says, or by the ``mixes`` of each case.
    """
    return {
        name: place_clusters(each, distances.codes, plan, depth, mixes)
        for name, each in scores.items()
    }


def measure_contenders(
    scores: Mapping[str, Scores],
    places: Mapping[str, Places],
    distances: CaseDistances,
    depth: int,
) -> dict[str, Figures]:
    """Return every contender's figures by distance of every case, as placed and within."""
    return {
        name: {
            **measure_places(places[name], distances),
            **measure_within(each, distances, depth),
        }
        for name, each in scores.items()
    }


def flatten_by_distance(
    measured: Mapping[str, Figures], against: Sequence[tuple[str, str]]
) -> dict[str, NDArray[np.float64]]:
    """Return columns ``{figure}_{contender}``, and ``{figure}_{ours}_minus_{theirs}`` behind."""
    columns = {
        f"{figure}_{name}": values
        for name, figures in measured.items()
        for figure, values in figures.items()
    }
    differences = {
        f"{figure}_{ours}_minus_{theirs}": measured[ours][figure] - measured[theirs][figure]
        for ours, theirs in against
        for figure in COMPARED
    }
    return {**columns, **differences}


def describe_distances(
    cases: PlannerCases, distances: CaseDistances, intervals: Mapping[str, Interval], prefix: str
) -> dict[str, float]:
    """Return counts and intervals by distance; of validation only what settings are chosen by."""
    figures: dict[str, float] = {}
    users = np.array(cases.users)
    for code, name in enumerate(DISTANCES):
        liked = (distances.liked & (distances.codes == code)).sum(axis=1)
        figures[f"{prefix}n_cases_{name}"] = int((liked > 0).sum())
        figures[f"{prefix}n_users_{name}"] = len(set(users[liked > 0]))
        figures[f"{prefix}n_liked_{name}"] = int(liked.sum())
    for figure, interval in intervals.items():
        if not prefix or figure.startswith((*COMPARED, "share_", "mean_")):
            figures |= interval.named(prefix + figure)
    return figures


def compare_by_distance(
    scores: Mapping[str, Scores],
    places: Mapping[str, Places],
    cases: PlannerCases,
    distances: CaseDistances,
    depth: int,
    against: Sequence[tuple[str, str]],
    rng: np.random.Generator,
    resamples: int,
) -> dict[str, Interval]:
    """Return the intervals of all figures by distance, of the open clusters and of the liked."""
    measured = measure_contenders(scores, places, distances, depth)
    of_distance = {
        name: {key: each for key, each in figures.items() if key not in METRICS}
        for name, figures in measured.items()
    }
    columns = flatten_by_distance(of_distance, against)
    for name, marked in (("open", distances.codes != KNOWN), ("liked", distances.liked)):
        shares = share_by_distance(marked, distances)
        columns |= {f"share_{name}_{distance}": values for distance, values in shares.items()}
    planned, liked = columns[ADJACENT_PLANNED], columns["share_liked_adjacent"]
    columns[f"{ADJACENT_PLANNED}_minus_liked"] = planned - liked
    return intervals_where_defined(columns, cases.users, rng, resamples)


def describe_exposure(
    scores: Mapping[str, Scores], places: Mapping[str, Places], distances: CaseDistances
) -> dict[str, float]:
    """Return coverage and Gini index of every contender's plans by distance."""
    return {
        f"{figure}_{name}": value
        for name, each in scores.items()
        for figure, value in expose_by_distance(
            each, places[name][:, :EXPOSURE_DEPTH], distances
        ).items()
    }


def recall_by_distance(places: Places, distances: CaseDistances) -> dict[str, NDArray[np.float64]]:
    """Return ``recall_at_10_{distance}`` of every case's plan, not a number where it has none."""
    figures = measure_places(places, distances)
    return {f"{RECALL_AT_10}_{name}": figures[f"{RECALL_AT_10}_{name}"] for name in DISTANCES}


def turn_mix(turn: float) -> Mix:
    """Return a mix between all places next door (0) and all in new fields (1).

    Places fall as two throws of a coin: their mean distance is twice the turn.
    """
    return Mix(adjacent=(1 - turn) ** 2, new_family=2 * turn * (1 - turn), new_field=turn**2)


def tabulate_curve(
    scores: Mapping[str, Scores], distances: CaseDistances, depth: int
) -> pl.DataFrame:
    """Return recall@10 of every contender as the mix turns, one column a contender.

    ``mean_distance`` is that of the first ten places of the first contender; it lies below twice
    the turn where people have no farther cluster left, for every contender alike.
    """
    rows = []
    for turn in np.linspace(0, 1, CURVE_POINTS):
        figures = {
            name: measure_places(
                deal(_open(each, distances), distances.codes, turn_mix(float(turn)), depth),
                distances,
            )
            for name, each in scores.items()
        }
        first = next(iter(figures.values()))
        row = {"mean_distance": _mean(first[f"mean_distance_at_{DISTANCE_DEPTH}"])}
        rows.append(row | {name: _mean(each[RECALL_AT_10]) for name, each in figures.items()})
    return pl.DataFrame(rows)


def tabulate_shares(intervals: Mapping[str, Interval], methods: Sequence[str]) -> pl.DataFrame:
    """Return (method, adjacent, new_family, new_field): what share of the first five each has.

    Beside the methods stand the open clusters and those that people came to like.
    """
    names = {method: f"share_at_{EXPOSURE_DEPTH}_{{}}_{method}" for method in methods}
    names |= {name: f"share_{name}_{{}}" for name in ("open", "liked")}
    return _tabulate(intervals, names)


def tabulate_within(intervals: Mapping[str, Interval], methods: Sequence[str]) -> pl.DataFrame:
    """Return (method, adjacent, new_family, new_field): recall@10 within each distance."""
    return _tabulate(
        intervals, {method: f"{RECALL_AT_10}_within_{{}}_{method}" for method in methods}
    )


def _open(scores: Scores, distances: CaseDistances) -> Scores:
    return np.where(distances.codes == KNOWN, -np.inf, scores)


def _tabulate(intervals: Mapping[str, Interval], names: Mapping[str, str]) -> pl.DataFrame:
    found = {
        distance: [
            intervals[form.format(distance)].mean if form.format(distance) in intervals else None
            for form in names.values()
        ]
        for distance in DISTANCES
    }
    columns = [pl.Series(name, means, pl.Float64).round(DECIMALS) for name, means in found.items()]
    return pl.DataFrame([pl.Series("method", list(names), pl.String), *columns])


def _mean(values: NDArray[np.float64]) -> float:
    known = values[np.isfinite(values)]
    return round(float(known.mean()), DECIMALS) if len(known) else float("nan")
