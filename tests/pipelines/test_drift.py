"""A candidate far from the champion is refused; one that is near, or better, is not."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

from inference.serving.manifest import ClusterIds, GateVerdict, ReleaseCounts, ReleaseManifest
from pipelines import paths
from pipelines.drift import find_drift
from pipelines.gates_config import GatesConfig

FIGURES = {"match_rate": 0.99, "coverage_at_5_table": 0.98, "top1_largest_share_table": 0.1}
CONFIG = GatesConfig()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def manifest_with(users: int = 1000, items: int = 500, **figures: float | None) -> ReleaseManifest:
    """A release with these planner figures and sizes."""
    verdicts = tuple(
        GateVerdict("planner_figures", name, figure, None, None, "block", True, "")
        for name, figure in {**FIGURES, **figures}.items()
    )
    counts = ReleaseCounts(users, items, 64, 2080)
    return ReleaseManifest({}, 0, counts, verdicts, {}, (), ClusterIds(None, ()))


CHAMPION = manifest_with()


def test_a_release_like_the_champion_has_not_drifted() -> None:
    assert find_drift(CHAMPION, CHAMPION, CONFIG) == []
    assert (paths.DATA_DOCS / "drift.html").is_file()


def test_to_get_better_or_larger_is_no_drift() -> None:
    better = manifest_with(90_000, 90_000, match_rate=1.0, top1_largest_share_table=0.01)
    assert find_drift(better, CHAMPION, CONFIG) == []


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        (manifest_with(match_rate=0.85), "match_rate_worsening is at most 0.1, found 0.14"),
        (manifest_with(coverage_at_5_table=0.8), "coverage_at_5_table_worsening"),
        (manifest_with(top1_largest_share_table=0.3), "top1_largest_share_table_worsening"),
        (manifest_with(match_rate=math.nan), "match_rate_worsening is a number"),
        (manifest_with(users=499), "users_ratio is at least 0.5, found 0.499"),
        (manifest_with(items=0), "items_ratio is at least 0.5, found 0"),
    ],
)
def test_each_kind_of_drift_is_named(candidate: ReleaseManifest, reason: str) -> None:
    (found,) = find_drift(candidate, CHAMPION, CONFIG)
    assert reason in found
    assert "gates." in found


def test_a_figure_that_only_one_has_is_not_compared() -> None:
    without = replace(CHAMPION, gates=())
    assert find_drift(CHAMPION, without, CONFIG) == []
