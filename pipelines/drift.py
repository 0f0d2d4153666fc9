"""Holds a candidate release against the champion: did its figures, or its world, move too far?"""

from __future__ import annotations

from expectations.gates.bounds import Bound, judge_figures
from expectations.gates.data_docs import write_page
from inference.serving.manifest import ReleaseManifest
from pipelines import paths
from pipelines.gates_config import GatesConfig

RISES_ARE_BAD = {
    "match_rate": False,
    "coverage_at_5_table": False,
    "top1_largest_share_table": True,
}
"""Figures of guard ``planner_figures`` and whether they get worse by rising."""

GUARD = "drift"


def find_drift(
    candidate: ReleaseManifest, champion: ReleaseManifest, config: GatesConfig
) -> list[str]:
    """Return why the candidate is too far from the champion, each reason with figure and bound.

    A figure that one of them was not measured on is not compared. The verdicts are a page of
    Data Docs, too.
    """
    figures = {**_worsenings(candidate, champion), **_size_ratios(candidate, champion)}
    validated = judge_figures(GUARD, figures, drift_bounds(figures, config))
    write_page(validated.validation, paths.DATA_DOCS)
    return [
        f"drift from the champion: {verdict.reason} ({verdict.look_at})"
        for verdict in validated.report.verdicts
        if not verdict.passed
    ]


def drift_bounds(figures: dict[str, float], config: GatesConfig) -> tuple[Bound, ...]:
    """Return the bounds on those of the figures that could be taken."""
    look = "compare metrics/planner.json of both releases; gates.max_worsening is the bound"
    data = "look whether the export is whole; gates.min_size_ratio is the bound"
    return tuple(
        Bound(name, config.min_size_ratio, None, "promote", data)
        if name.endswith("_ratio")
        else Bound(name, None, config.max_worsening, "promote", look)
        for name in figures
    )


def _worsenings(candidate: ReleaseManifest, champion: ReleaseManifest) -> dict[str, float]:
    ours, theirs = _planner_figures(candidate), _planner_figures(champion)
    return {
        f"{name}_worsening": ours[name] - theirs[name] if is_bad else theirs[name] - ours[name]
        for name, is_bad in RISES_ARE_BAD.items()
        if name in ours and name in theirs
    }


def _planner_figures(manifest: ReleaseManifest) -> dict[str, float]:
    return {
        verdict.metric: verdict.figure
        for verdict in manifest.gates
        if verdict.guard == "planner_figures" and verdict.figure is not None
    }


def _size_ratios(candidate: ReleaseManifest, champion: ReleaseManifest) -> dict[str, float]:
    ours, theirs = candidate.counts, champion.counts
    return {
        "users_ratio": ours.n_users / max(theirs.n_users, 1),
        "items_ratio": ours.n_items / max(theirs.n_items, 1),
    }
