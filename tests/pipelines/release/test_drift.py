"""A candidate far from the champion is refused; one that is near, or better, is not."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from expectations.suites.raw_data import INTERACTIONS_GUARD, N_INTERACTIONS
from inference.release.manifest import ClusterIds, GateVerdict, ReleaseCounts, ReleaseManifest
from pipelines.guards.table_guards import SCORE_MEDIAN, TABLE_FIGURES
from pipelines.io import paths
from pipelines.params.gates import PromotionGates
from pipelines.release.drift import find_drift

FIGURES = {"match_rate": 0.99, "coverage_at_5_table": 0.98, "top1_largest_share_table": 0.1}
CONFIG = PromotionGates()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def manifest_with(
    users: int = 1000,
    items: int = 500,
    interactions: float = 90_000,
    score: float = -2.5,
    clusters: int = 64,
    **figures: float | None,
) -> ReleaseManifest:
    """A release with these planner figures, sizes, and first scores of the table."""
    said = [("planner_figures", name, figure) for name, figure in {**FIGURES, **figures}.items()]
    said += [
        (INTERACTIONS_GUARD, N_INTERACTIONS, interactions),
        (TABLE_FIGURES, SCORE_MEDIAN, score),
    ]
    verdicts = tuple(GateVerdict(*of, None, None, "block", True, "") for of in said)
    counts = ReleaseCounts(users, items, clusters, 2080)
    return ReleaseManifest({}, 0, counts, verdicts, {}, (), ClusterIds(None, ()))


CHAMPION = manifest_with()


def test_a_release_like_the_champion_has_not_drifted() -> None:
    assert find_drift(CHAMPION, CHAMPION, CONFIG) == []
    assert (paths.DATA_DOCS / "drift.html").is_file()


def test_to_get_better_or_larger_is_no_drift() -> None:
    better = manifest_with(90_000, 90_000, 9e7, match_rate=1.0, top1_largest_share_table=0.01)
    assert find_drift(better, CHAMPION, CONFIG) == []


def test_scores_among_more_clusters_are_lower_without_drift() -> None:
    assert find_drift(manifest_with(score=-4.0, clusters=256), CHAMPION, CONFIG) == []


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        (manifest_with(match_rate=0.85), "match_rate_worsening is at most 0.1, found 0.14"),
        (manifest_with(coverage_at_5_table=0.8), "coverage_at_5_table_worsening"),
        (manifest_with(top1_largest_share_table=0.3), "top1_largest_share_table_worsening"),
        (manifest_with(match_rate=math.nan), "match_rate_worsening is a number"),
        (manifest_with(users=499), "users_ratio is at least 0.5, found 0.499"),
        (manifest_with(items=0), "items_ratio is at least 0.5, found 0"),
        (manifest_with(interactions=44_000), "interactions_ratio is at least 0.5, found 0.488"),
        (manifest_with(score=-4.0), "top1_score_shift is at least -1 and at most 1, found -1.5"),
        (manifest_with(score=-0.5), "top1_score_shift is at least -1 and at most 1, found 2"),
        (manifest_with(score=math.nan), "top1_score_shift is a number"),
    ],
)
def test_each_kind_of_drift_is_named(candidate: ReleaseManifest, reason: str) -> None:
    (found,) = find_drift(candidate, CHAMPION, CONFIG)
    assert reason in found
    assert "gates." in found


def test_a_figure_that_only_one_has_is_not_compared() -> None:
    without = replace(CHAMPION, gates=())
    assert find_drift(CHAMPION, without, CONFIG) == []
