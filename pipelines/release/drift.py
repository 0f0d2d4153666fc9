"""Holds a candidate release against the champion: did its figures, or its world, move too far?"""

from __future__ import annotations

from expectations.gates.bounds import Bound, judge_figures
from expectations.gates.data_docs import write_page
from expectations.gates.project import note_validation
from expectations.suites.raw_data import INTERACTIONS_GUARD, N_INTERACTIONS
from inference.release.manifest import ReleaseManifest
from pipelines.guards.table_guards import SCORE_MEDIAN, TABLE_FIGURES
from pipelines.io import paths
from pipelines.params.gates import PromotionGates

RISES_ARE_BAD = {
    "match_rate": False,
    "coverage_at_5_table": False,
    "top1_largest_share_table": True,
}
"""Figures of guard ``planner_figures`` and whether they get worse by rising."""

GUARD = "drift"
SCORE_SHIFT = "top1_score_shift"


def find_drift(
    candidate: ReleaseManifest, champion: ReleaseManifest, config: PromotionGates
) -> list[str]:
    """Return why the candidate is too far from the champion, each reason with figure and bound.

    A figure that one of them was not measured on is not compared. The verdicts are a page of
    Data Docs, too.
    """
    figures = {
        **_worsenings(candidate, champion),
        **_size_ratios(candidate, champion),
        **_score_shift(candidate, champion),
    }
    validated = judge_figures(GUARD, figures, drift_bounds(figures, config))
    write_page(validated.validation, paths.DATA_DOCS)
    note_validation(validated.validation, paths.GUARD_NOTES)
    return [
        f"drift from the champion: {verdict.reason} ({verdict.look_at})"
        for verdict in validated.report.verdicts
        if not verdict.passed
    ]


def drift_bounds(figures: dict[str, float], config: PromotionGates) -> tuple[Bound, ...]:
    """Return the bounds on those of the figures that could be taken."""
    look = "compare both metrics/planner.json; gates.promotion.max_worsening is the bound"
    data = "look whether the export is whole; gates.promotion.min_size_ratio is the bound"
    scores = "compare both metrics/table.json; gates.promotion.max_score_shift is the bound"

    def bound(name: str) -> Bound:
        if name == SCORE_SHIFT:
            return Bound(name, -config.max_score_shift, config.max_score_shift, "promote", scores)
        if name.endswith("_ratio"):
            return Bound(name, config.min_size_ratio, None, "promote", data)
        return Bound(name, None, config.max_worsening, "promote", look)

    return tuple(map(bound, figures))


def _worsenings(candidate: ReleaseManifest, champion: ReleaseManifest) -> dict[str, float]:
    ours, theirs = (_figures(release, "planner_figures") for release in (candidate, champion))
    return {
        f"{name}_worsening": ours[name] - theirs[name] if is_bad else theirs[name] - ours[name]
        for name, is_bad in RISES_ARE_BAD.items()
        if name in ours and name in theirs
    }


def _figures(manifest: ReleaseManifest, guard: str) -> dict[str, float]:
    return {
        verdict.metric: verdict.figure
        for verdict in manifest.gates
        if verdict.guard == guard and verdict.figure is not None
    }


def _size_ratios(candidate: ReleaseManifest, champion: ReleaseManifest) -> dict[str, float]:
    ours, theirs = candidate.counts, champion.counts
    ratios = {
        "users_ratio": ours.n_users / max(theirs.n_users, 1),
        "items_ratio": ours.n_items / max(theirs.n_items, 1),
    }
    logs = [_figures(release, INTERACTIONS_GUARD) for release in (candidate, champion)]
    if all(N_INTERACTIONS in log for log in logs):
        our_log, their_log = logs
        ratios["interactions_ratio"] = our_log[N_INTERACTIONS] / max(their_log[N_INTERACTIONS], 1)
    return ratios


def _score_shift(candidate: ReleaseManifest, champion: ReleaseManifest) -> dict[str, float]:
    """Return how far the table's first scores moved; among more clusters all scores are lower."""
    ours, theirs = (_figures(release, TABLE_FIGURES) for release in (candidate, champion))
    have_both = SCORE_MEDIAN in ours and SCORE_MEDIAN in theirs
    if not have_both or candidate.counts.n_clusters != champion.counts.n_clusters:
        return {}
    return {SCORE_SHIFT: ours[SCORE_MEDIAN] - theirs[SCORE_MEDIAN]}
