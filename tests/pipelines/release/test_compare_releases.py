"""Two releases are compared case by case, and only where the same question was asked."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from expectations.contracts.content_hash import ContentHash
from expectations.contracts.tables import LIST_FIGURES
from inference.release.manifest import ClusterIds, ReleaseCounts, ReleaseManifest
from inference.release.release_source import FetchedRelease
from pipelines.io.artefact_io import write_table
from pipelines.params.gates import PromotionGates
from pipelines.release.case_figures import CaseFigures
from pipelines.release.compare_releases import Comparison, MeasuredRelease, compare_releases
from training.evaluation.clusters.case_figures import tabulate_cases

N_CASES = 600


def make_release(
    plan: np.ndarray,
    served: np.ndarray,
    clustering: str = "a",
    origin: int = 2020,
    new_field: np.ndarray | None = None,
) -> MeasuredRelease:
    """A release with these recalls; user ``n`` has the cases ``3 n`` to ``3 n + 2``."""
    cases = pl.DataFrame(
        {
            "origin": [datetime(origin, 1, 1, tzinfo=UTC)] * N_CASES,
            "user_id": [f"user {case // 3}" for case in range(N_CASES)],
            "positives": [[case] for case in range(N_CASES)],
        }
    )
    manifest = ReleaseManifest(
        parts={"item_clusters": ContentHash(clustering * 64, 1)},
        serving_level=1,
        counts=ReleaseCounts(1, 1, 1, 1),
        gates=(),
        measured={},
        probe_users=(),
        cluster_ids=ClusterIds(None, ()),
    )
    counts = np.full(N_CASES, 0.3)
    apart = {
        f"recall_at_10_{distance}": np.full(N_CASES, np.nan) if far is None else far
        for distance, far in (("adjacent", None), ("new_family", None), ("new_field", new_field))
    }
    figures = {"recall_at_10": plan, "recall_at_10_pair_counts": counts, **apart}
    plans = tabulate_cases(cases, figures)
    lists = tabulate_cases(cases, {"recall_at_10": served})
    return MeasuredRelease(manifest, CaseFigures(plans, lists))


def compare(candidate: MeasuredRelease, champion: MeasuredRelease) -> list[Comparison]:
    return compare_releases(candidate, champion, PromotionGates().max_recall_loss)


HALF = np.random.default_rng(0).permutation(np.tile([0.0, 1.0], N_CASES // 2))
FEWER = np.where(np.cumsum(HALF) % 10 == 1, 0.0, HALF)  # every tenth hit is lost


def test_a_small_loss_on_the_same_cases_shows_in_pairs() -> None:
    # Unpaired, -0.05 lies well within the interval of either: half-width .04, .06 together.
    verdicts = compare(make_release(FEWER, HALF), make_release(HALF, HALF))
    assert [verdict.is_worse for verdict in verdicts] == [True, False]
    assert "plan 0.450 against the champion's 0.500, difference -0.0500 [-0.0" in verdicts[0].words
    assert "list 0.500 against the champion's 0.500" in verdicts[1].words


def test_a_plan_that_loses_far_clusters_only_is_worse_there() -> None:
    seen = np.where(np.arange(N_CASES) % 2 == 0, np.nan, HALF)  # in every other case
    lost = np.where(np.isnan(seen), np.nan, 0.0)
    verdicts = compare(
        make_release(HALF, HALF, new_field=lost), make_release(HALF, HALF, new_field=seen)
    )
    assert [verdict.is_worse for verdict in verdicts] == [False, True, False]
    assert verdicts[1].words.startswith("recall@10 in new fields of the served plan 0.000")
    assert "on 300 common cases" in verdicts[1].words


def test_a_release_of_before_there_were_distances_is_still_compared(tmp_path: Path) -> None:
    release = make_release(HALF, HALF)
    known = ["case_id", "user_key", "recall_at_10", "recall_at_10_pair_counts"]
    release.cases.plans.select(known).write_parquet(tmp_path / "plan_figures.parquet")
    write_table(release.cases.lists, tmp_path / "list_figures.parquet", LIST_FIGURES)
    earlier = MeasuredRelease.read(FetchedRelease(1, tmp_path, release.manifest))
    verdicts = compare(make_release(HALF, HALF, new_field=HALF), earlier)
    assert [verdict.is_worse for verdict in verdicts] == [False, False]


def test_a_gain_is_no_loss() -> None:
    verdicts = compare(make_release(HALF, HALF), make_release(FEWER, FEWER))
    assert not any(verdict.is_worse for verdict in verdicts)


def test_recall_on_other_clusters_is_not_compared_but_the_list_is() -> None:
    other = make_release(FEWER, FEWER, clustering="b")
    (verdict,) = compare(other, make_release(HALF, HALF))
    assert verdict.words.startswith("recall@10 of the served list 0.450")
    assert verdict.is_worse


def test_only_common_cases_count() -> None:
    candidate, champion = make_release(HALF, HALF), make_release(HALF, HALF)
    hits = pl.col("recall_at_10") == 1
    odd = MeasuredRelease(
        candidate.manifest,
        CaseFigures(candidate.cases.plans.filter(hits), candidate.cases.lists.filter(hits)),
    )
    verdicts = compare(odd, champion)
    assert all("1.000 against the champion's 1.000" in verdict.words for verdict in verdicts)
    assert all("on 300 common cases" in verdict.words for verdict in verdicts)


@pytest.mark.parametrize(("ours", "is_worse"), [(FEWER, False), (np.zeros(N_CASES), True)])
def test_without_a_common_case_lifts_over_pair_counts_are_compared(
    ours: np.ndarray, is_worse: bool
) -> None:
    candidate = make_release(ours, ours, origin=2021)
    (verdict,) = compare(candidate, make_release(HALF, HALF))
    assert verdict.words.startswith("no common cases; lift over pair counts")
    assert verdict.is_worse is is_worse


def test_releases_without_cases_are_not_compared() -> None:
    champion = make_release(HALF, HALF)
    none = CaseFigures(champion.cases.plans[:0], champion.cases.lists[:0])
    empty = MeasuredRelease(champion.manifest, none)
    (verdict,) = compare(empty, champion)
    assert not verdict.is_worse
    assert verdict.words.startswith("not compared")


def test_resampled_are_users_not_cases() -> None:
    # All of a user's cases fall together, so the interval is sqrt(3) wider than over cases.
    lost = np.repeat(np.arange(N_CASES // 3) % 20 == 1, 3)
    clumped = np.where(lost, 0.0, 1.0)
    spread = np.where(np.arange(N_CASES) % 20 == 1, 0.0, 1.0)
    whole = make_release(np.ones(N_CASES), np.ones(N_CASES))
    widths = []
    for recall in (clumped, spread):
        words = compare(make_release(recall, recall), whole)[0].words
        low, high = words.split("[")[1].split("]")[0].split(", ")
        widths.append(float(high) - float(low))
    assert widths[0] / widths[1] == pytest.approx(3**0.5, rel=0.2)


def test_a_loss_too_small_to_matter_is_shown_and_bars_no_way() -> None:
    """A thousandth of every hit is a loss beyond doubt: the interval is far narrower."""
    verdicts = compare(make_release(HALF * 0.999, HALF * 0.999), make_release(HALF, HALF))
    assert [verdict.is_worse for verdict in verdicts] == [False, False]
    for verdict in verdicts:
        assert "difference -0.0005 [-0.0005, -0.0005]" in verdict.words
        assert verdict.words.endswith("a loss within the margin of 0.0100")
    exact = compare_releases(make_release(HALF * 0.999, HALF), make_release(HALF, HALF), 0.0)
    assert [verdict.is_worse for verdict in exact] == [True, False]


def test_a_loss_beyond_the_margin_says_so() -> None:
    (plan, _) = compare(make_release(HALF * 0.97, HALF), make_release(HALF, HALF))
    assert plan.is_worse
    assert plan.words.endswith("beyond the margin of 0.0100")
