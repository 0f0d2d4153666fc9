"""What contenders come to by distance: by score, within a distance, and dealt out by mixes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.planner.contest import Field, score_run
from benchmarks.planner.pooling import BOOTSTRAP_SEED, RESAMPLES
from benchmarks.planner.runs import PlannerRun
from inference.evaluation.contenders import AS_SERVED, UNALIGNED
from inference.evaluation.distance_figures import CURVE_POINTS, turn_mix
from inference.plans.config import Mix, PlanConfig
from inference.plans.deal import deal
from inference.plans.personal_mix import find_mixes
from training.clusters.distance import DISTANCES, KNOWN
from training.evaluation.clusters.by_distance import (
    CaseDistances,
    average_likes,
    expose_by_distance,
    intervals_where_defined,
    measure_places,
    measure_within,
    share_by_distance,
)
from training.evaluation.clusters.compare import EXPOSURE_DEPTH
from training.evaluation.metrics import Interval

CHANCE = "chance"
BY_SCORE = "by score"
AS_LIKED = "as liked"
PERSONAL = ", personal"  # ends a mix that the planner makes each person's own, for all alike
ALIKE = ", dealt alike"  # ends a contender whose places are everybody's, beside personal ones
FIXED_MIXES = {"2 : 2 : 1": (2.0, 2.0, 1.0), "1 : 1 : 3": (1.0, 1.0, 3.0)}
TURNS = {f"turn {turn:.1f}": turn_mix(float(turn)) for turn in np.linspace(0, 1, CURVE_POINTS)}
MINUS = " − "


@dataclass(frozen=True)
class DistanceOutcome:
    """Figures of one run's cases.

    Attributes:
        run: which planner.
        users: of each case.
        columns: by (figure, how places were given, contender), [cases]; not a number where a case
            has nothing to measure.
        exposure: coverage and Gini index of every contender by distance.
        mix: the mix of what people came to like in the validation window.
    """

    run: PlannerRun
    users: tuple[str, ...]
    columns: Mapping[tuple[str, str, str], NDArray[np.float64]]
    exposure: Mapping[tuple[str, str], float]
    mix: Mix


def measure_distances(run: PlannerRun, field: Field) -> DistanceOutcome:
    """Return what the planner in the working folder and all baselines come to by distance."""
    entry, cases = score_run(field), field.judged.cases
    distances = CaseDistances.of(cases, field.clusters.ancestors)
    drawn = np.random.default_rng(BOOTSTRAP_SEED).random(distances.codes.shape)
    scores = {**entry.scores, CHANCE: drawn}
    depth = entry.table.depth
    liked = average_likes(CaseDistances.of(field.validation.cases, field.clusters.ancestors))
    as_liked = mix_of(*liked)
    mixes = {AS_LIKED: as_liked, **{name: mix_of(*each) for name, each in FIXED_MIXES.items()}}
    personal = {
        f"{name}{PERSONAL}": find_mixes(
            scores[UNALIGNED],
            distances.codes,
            PlanConfig(mix=mix, mix_of_all=name == AS_LIKED),
            entry.reference,
        )
        for name, mix in mixes.items()
    }
    ways: dict[str, Mix | NDArray[np.float64]] = {**mixes, **TURNS}
    ways |= {name: mix for name, mix in personal.items() if mix is not None}
    columns: dict[tuple[str, str, str], NDArray[np.float64]] = {}
    for contender, each in scores.items():
        open_scores = np.where(distances.codes == KNOWN, -np.inf, each)
        found = {BY_SCORE: measure_places(distances.rank(each, depth), distances)}
        for name, mix in ways.items():
            found[name] = measure_places(deal(open_scores, distances.codes, mix, depth), distances)
        found[BY_SCORE] |= measure_within(each, distances, depth)
        for way, figures in found.items():
            columns |= {(figure, way, contender): values for figure, values in figures.items()}
    for name, marked in (("open", distances.codes != KNOWN), ("liked", distances.liked)):
        shares = share_by_distance(marked, distances)
        columns |= {(f"share_{name}_{apart}", "", ""): values for apart, values in shares.items()}
    exposure = {
        (figure, contender): value
        for contender, each in scores.items()
        for figure, value in expose_by_distance(
            each, distances.rank(each, EXPOSURE_DEPTH), distances
        ).items()
    }
    return DistanceOutcome(run, cases.users, columns, exposure, as_liked)


def mix_of(*weights: float) -> Mix:
    """Return the mix of these weights, nearest first."""
    return Mix(**dict(zip(DISTANCES, weights, strict=True)))


def pool_outcomes(
    outcomes: Sequence[DistanceOutcome],
) -> dict[tuple[str, str, str], Interval]:
    """Return intervals over users of every column, and of the planner's difference from others.

    All that a user got in any run is averaged first, over the cases in which it is defined. A
    difference's contender is named ``as_served − other``.
    """
    users = [user for outcome in outcomes for user in outcome.users]
    columns = {
        key: np.concatenate([outcome.columns[key] for outcome in outcomes])
        for key in outcomes[0].columns
    }
    for figure, way, contender in list(columns):
        if contender not in ("", AS_SERVED):
            theirs = columns[figure, way, contender]
            ours = columns[figure, way, AS_SERVED]
            columns[figure, way, f"{AS_SERVED}{MINUS}{contender}"] = ours - theirs
        if way.endswith(PERSONAL):
            alike = columns[figure, way.removesuffix(PERSONAL), contender]
            ours = columns[figure, way, AS_SERVED]
            columns[figure, way, f"{AS_SERVED}{MINUS}{contender}{ALIKE}"] = ours - alike
    names, index = np.unique(users, return_inverse=True)
    of_users = {}
    for key, values in columns.items():
        defined = np.isfinite(values)
        sums = np.bincount(index[defined], values[defined], minlength=len(names))
        counts = np.bincount(index[defined], minlength=len(names))
        of_users["|".join(key)] = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    rng = np.random.default_rng(BOOTSTRAP_SEED)
    found = intervals_where_defined(of_users, names.tolist(), rng, RESAMPLES)
    return {key: found["|".join(key)] for key in columns if "|".join(key) in found}
