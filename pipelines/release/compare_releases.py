"""Compares two releases by the figures of their cases, and says whether the new one is worse.

Compared are, over the cases that both were measured on, case by case: recall@10 of the served
plan, of all that was liked and of that at each distance, if both have the same clustering (recall
on other clusters is another question), and
recall@10 of the served list of items, which no clustering enters. Where the logs differ so much
that no case is common, what is left is each plan's lift over its own pair counts, on its own
cases. Intervals are bootstraps over users. A loss counts only if the whole interval lies beyond a
margin, a share of the champion's own recall: with cases enough every loss is beyond doubt, however
small (a test of non-inferiority).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from inference.release.manifest import MEASURED_FILES, ReleaseManifest
from inference.release.release_source import FetchedRelease
from pipelines.release.case_figures import CaseFigures
from training.evaluation.clusters.compare import RECALL_AT_10
from training.evaluation.metrics import bootstrap_interval

SEED = 0
"""Of the bootstrap: the same two releases get the same interval every time."""
PLAN_COLUMNS = {
    RECALL_AT_10: "recall@10",
    f"{RECALL_AT_10}_adjacent": "recall@10 next door",
    f"{RECALL_AT_10}_new_family": "recall@10 in new families",
    f"{RECALL_AT_10}_new_field": "recall@10 in new fields",
}
"""What is compared of plans, and how it is called."""


@dataclass(frozen=True)
class MeasuredRelease:
    """A release's manifest and its figures of single cases."""

    manifest: ReleaseManifest
    cases: CaseFigures

    @classmethod
    def read(cls, fetched: FetchedRelease) -> MeasuredRelease:
        """Take manifest and figures out of the release's artefact."""
        files = {table: fetched.folder / name for table, name in MEASURED_FILES.items()}
        return cls(fetched.manifest, CaseFigures.read(files))

    @property
    def clustering(self) -> tuple[str, int]:
        """What the cluster ids of this release mean: two alike speak of the same clusters."""
        return self.manifest.parts["item_clusters"].sha256, self.manifest.serving_level


@dataclass(frozen=True)
class Comparison:
    """One comparison: whether the candidate is worse beyond the interval, and the figures."""

    is_worse: bool
    words: str


def compare_releases(
    candidate: MeasuredRelease, champion: MeasuredRelease, max_recall_loss: float
) -> list[Comparison]:
    """Return every comparison that these two allow; at least one, if only to say there is none.

    Args:
        candidate: may become champion.
        champion: what it is held against.
        max_recall_loss: the margin, as a share of the champion's recall.
    """
    found = []
    ours, theirs = candidate.cases, champion.cases
    if candidate.clustering == champion.clustering:
        for column, of in PLAN_COLUMNS.items():
            what = f"{of} of the served plan"
            found += _paired(what, ours.plans, theirs.plans, max_recall_loss, column)
    what = "recall@10 of the served list"
    found += _paired(what, ours.lists, theirs.lists, max_recall_loss)
    found = found or _lifts(ours.plans, theirs.plans, max_recall_loss)
    return found or [Comparison(False, "not compared: no figures of both releases")]


def _paired(
    what: str,
    ours: pl.DataFrame,
    theirs: pl.DataFrame,
    max_loss: float,
    column: str = RECALL_AT_10,
) -> list[Comparison]:
    both = (
        ours.drop_nulls(column)
        .join(theirs.drop_nulls(column), on="case_id", suffix="_champion")
        .sort("case_id")
    )
    if both.is_empty():
        return []
    gains = (both[column] - both[f"{column}_champion"]).to_numpy()
    gain = bootstrap_interval(gains, both["user_key"].to_numpy(), np.random.default_rng(SEED))
    means = both.select(pl.col(column, f"{column}_champion").mean()).row(0)
    words = (
        f"{what} {means[0]:.3f} against the champion's {means[1]:.3f}, difference "
        f"{gain.mean:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}] on {gain.n_cases} common cases"
    )
    return [_judge(words, gain.high, max_loss * means[1])]


def _judge(words: str, high: float, margin: float) -> Comparison:
    is_worse = high < -margin
    if high < 0:
        words += f", {'beyond' if is_worse else 'a loss within'} the margin of {margin:.4f}"
    return Comparison(is_worse, words)


def _lifts(ours: pl.DataFrame, theirs: pl.DataFrame, max_loss: float) -> list[Comparison]:
    if ours.is_empty() or theirs.is_empty():
        return []
    lifts = []
    for plans in (ours, theirs):
        gains = (plans["recall_at_10"] - plans["recall_at_10_pair_counts"]).to_numpy()
        rng = np.random.default_rng(SEED)
        lifts.append(bootstrap_interval(gains, plans["user_key"].to_numpy(), rng))
    difference = lifts[0].mean - lifts[1].mean
    # The two samples are independent, so their half-widths add as squares.
    halves = [(lift.high - lift.low) / 2 for lift in lifts]
    half = float(np.hypot(halves[0], halves[1]))
    words = (
        f"no common cases; lift over pair counts in recall@10 {lifts[0].mean:+.3f} on "
        f"{lifts[0].n_cases} cases against the champion's {lifts[1].mean:+.3f} on "
        f"{lifts[1].n_cases}, difference {difference:+.4f} "
        f"[{difference - half:+.4f}, {difference + half:+.4f}]"
    )
    return [
        _judge(
            words, difference + half, max_loss * theirs.select(pl.col("recall_at_10").mean()).item()
        )
    ]
