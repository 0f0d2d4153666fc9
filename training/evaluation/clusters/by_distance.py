"""Recall, places and exposure by how far a cluster is from what the user of a case has consumed.

Two questions are asked at each distance: how many of what was liked there a plan finds when every
open cluster competes for its places, and how many when only clusters at that distance may be
planned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from expectations.contracts.values import NO_CLUSTER
from training.clusters.distance import DISTANCES, KNOWN, Ancestors
from training.evaluation.clusters.cases import PlannerCases, Scores
from training.evaluation.clusters.compare import EXPOSURE_DEPTH, KS
from training.evaluation.metrics import DECIMALS, Interval, bootstrap_intervals, gini

# Shapes: B cases, N clusters, D places of a plan.

Places = NDArray[np.int64]
"""Clusters by place for every case, best first, [B, D]; ``NO_CLUSTER`` after a plan's end."""

DISTANCE_DEPTH = max(KS)
"""Places over which the mean distance of a plan is taken: those of recall@10."""


@dataclass(frozen=True)
class CaseDistances:
    """How far every cluster is from the user of each case, and what that user came to like.

    Attributes:
        codes: int8 [B, N], see :mod:`training.clusters.distance`.
        liked: whether a cluster is right, [B, N].
    """

    codes: NDArray[np.int8]
    liked: NDArray[np.bool_]

    @classmethod
    def of(cls, cases: PlannerCases, ancestors: Ancestors) -> CaseDistances:
        """Measure from all that was consumed before the case."""
        codes = cases.distances(ancestors)
        liked = np.zeros(codes.shape, dtype=bool)
        for row, positives in enumerate(cases.positives):
            liked[row, sorted(positives)] = True
        return cls(codes, liked & (codes != KNOWN))

    def rank(self, scores: Scores, depth: int) -> Places:
        """Return what stands at each place when all open clusters compete, [B, D]."""
        return _rank(np.where(self.codes == KNOWN, -np.inf, scores), depth)

    def rank_within(self, scores: Scores, code: int, depth: int) -> Places:
        """Return what stands at each place when only one distance may be planned, [B, D]."""
        return _rank(np.where(self.codes == code, scores, -np.inf), depth)

    def codes_at(self, places: Places) -> NDArray[np.int8]:
        """Return the distance at each place, [B, D]; ``KNOWN`` after a plan's end."""
        found = np.take_along_axis(self.codes, np.maximum(places, 0), axis=1)
        return np.where(places == NO_CLUSTER, np.int8(KNOWN), found)


def average_likes(distances: CaseDistances) -> tuple[float, ...]:
    """Return the share of each distance among what people came to like, nearest first.

    Every case counts alike, and one more that likes all distances alike, so that few cases close
    none of them (Laplace's rule).
    """
    shares = share_by_distance(distances.liked, distances)
    rows = np.stack([shares[name] for name in DISTANCES], axis=1)  # [B, distances]
    told = rows[np.isfinite(rows).all(axis=1)]
    return tuple(((told.sum(axis=0) + 1 / len(DISTANCES)) / (len(told) + 1)).tolist())


def measure_places(places: Places, distances: CaseDistances) -> dict[str, NDArray[np.float64]]:
    """Return the figures of plans in which everything competes, one for each case, [B].

    ``recall_at_{k}`` over all that was liked and over what was liked at each distance, the share
    of the first five places that each distance has, and the mean distance of the first ten, 0 for
    adjacent to 2 for new fields. Not a number where a case has nothing to measure.
    """
    codes = distances.codes_at(places)
    figures = _recalls(places, distances.liked, "")
    for code, name in enumerate(DISTANCES):
        wanted = distances.liked & (distances.codes == code)
        figures |= _recalls(places, wanted, f"_{name}")
        first = codes[:, :EXPOSURE_DEPTH]
        figures[f"share_at_{EXPOSURE_DEPTH}_{name}"] = _ratio(
            (first == code).sum(axis=1), (first != KNOWN).sum(axis=1)
        )
    listed = np.where(codes == KNOWN, 0, codes)[:, :DISTANCE_DEPTH]
    n_listed = (codes[:, :DISTANCE_DEPTH] != KNOWN).sum(axis=1)
    figures[f"mean_distance_at_{DISTANCE_DEPTH}"] = _ratio(listed.sum(axis=1), n_listed)
    return figures


def measure_within(
    scores: Scores, distances: CaseDistances, depth: int
) -> dict[str, NDArray[np.float64]]:
    """Return ``recall_at_{k}_within_{distance}`` where only that distance may be planned, [B]."""
    figures: dict[str, NDArray[np.float64]] = {}
    for code, name in enumerate(DISTANCES):
        wanted = distances.liked & (distances.codes == code)
        places = distances.rank_within(scores, code, depth)
        figures |= _recalls(places, wanted, f"_within_{name}")
    return figures


def share_by_distance(of: NDArray[np.bool_], distances: CaseDistances) -> dict[str, NDArray]:
    """Return what share of each case's clusters, those marked in ``of`` [B, N], each distance has.

    Not a number where none is marked.
    """
    return {
        name: _ratio((of & (distances.codes == code)).sum(axis=1), of.sum(axis=1))
        for code, name in enumerate(DISTANCES)
    }


def expose_by_distance(
    scores: Scores, places: Places, distances: CaseDistances
) -> dict[str, float]:
    """Return how evenly clusters come up in the first five places at each distance.

    ``coverage_at_5_{distance}`` is the share of the clusters that are at that distance from some
    user and are planned for one of those, ``gini_{distance}`` how unevenly those are planned;
    ``within`` says the same of plans of that distance alone.
    """
    figures: dict[str, float] = {}
    first = places[:, :EXPOSURE_DEPTH]
    for code, name in enumerate(DISTANCES):
        possible = (distances.codes == code).any(axis=0)  # [N]
        if not possible.any():
            continue
        alone = distances.rank_within(scores, code, EXPOSURE_DEPTH)
        for form, shown in (
            ("", first[distances.codes_at(first) == code]),
            ("within_", alone[alone != NO_CLUSTER]),
        ):
            counts = np.bincount(shown, minlength=len(possible))[possible]
            coverage = float((counts > 0).mean())
            figures[f"coverage_at_{EXPOSURE_DEPTH}_{form}{name}"] = round(coverage, DECIMALS)
            figures[f"gini_{form}{name}"] = round(gini(counts), DECIMALS)
    return figures


def intervals_where_defined(
    columns: Mapping[str, NDArray[np.float64]],
    users: Sequence[str],
    rng: np.random.Generator,
    resamples: int,
) -> dict[str, Interval]:
    """Return the interval of each column, over the cases in which it is a number.

    Columns that are defined in the same cases share their resamples. A column that is a number
    nowhere has no interval.
    """
    groups: dict[bytes, list[str]] = {}
    for name, values in columns.items():
        groups.setdefault(np.isfinite(values).tobytes(), []).append(name)
    names_of_users = np.asarray(users)
    found: dict[str, Interval] = {}
    for names in groups.values():
        rows = np.flatnonzero(np.isfinite(columns[names[0]]))
        if not len(rows):
            continue
        table = np.column_stack([columns[name][rows] for name in names])
        intervals = bootstrap_intervals(table, names_of_users[rows], rng, resamples)
        found |= dict(zip(names, intervals, strict=True))
    return {name: found[name] for name in columns if name in found}


def _rank(scores: Scores, depth: int) -> Places:
    order = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
    listed = np.isfinite(np.take_along_axis(scores, order, axis=1))
    return np.where(listed, order, NO_CLUSTER)


def _recalls(
    places: Places, wanted: NDArray[np.bool_], ending: str
) -> dict[str, NDArray[np.float64]]:
    """Return ``recall_at_{k}{ending}`` of each case; not a number where nothing is wanted."""
    hits = np.take_along_axis(wanted, np.maximum(places, 0), axis=1) & (places != NO_CLUSTER)
    n_wanted = wanted.sum(axis=1)
    return {
        f"recall_at_{k}{ending}": _ratio(hits[:, :k].sum(axis=1), np.minimum(n_wanted, k))
        for k in KS
    }


def _ratio(over: NDArray[np.integer], under: NDArray[np.integer]) -> NDArray[np.float64]:
    return np.where(under > 0, over / np.maximum(under, 1), np.nan)
