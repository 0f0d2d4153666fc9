"""Rankings of cases: consumed items left out, figures worked by hand, intervals around them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from training.item_evaluation.plots import frame_models
from training.item_evaluation.ranking import (
    MEASURES,
    ItemCases,
    measure_rankings,
    rank_cases,
    summarise_models,
)
from training.recommender.layout import arrange_items

NAMES = [f"i{n:02d}" for n in range(30)]
LAYOUT = arrange_items(NAMES, np.zeros(30, dtype=np.int64), 1)


class Fixed:
    """Scores items in alphabetical order, the first best."""

    def score_batch(self, recent_items: Sequence[Sequence[str]]) -> np.ndarray:
        return np.tile(-np.arange(30.0, dtype=np.float32), (len(recent_items), 1))


def make_cases() -> ItemCases:
    origin = datetime(2024, 1, 1, tzinfo=UTC)
    rows = [
        ("test", origin, "ann", ["i00"], ["i00"], ["i01", "i15"]),
        ("test", origin, "bob", ["i09"], ["i09", "i08"], ["i29"]),
        ("test", origin, "cid", ["i00"], ["i00", "i01", "i02"], ["i03"]),
        ("validation", origin, "dot", ["i00"], ["i00"], ["i03"]),
    ]
    columns = ["split", "origin", "user_id", "recent_items", "consumed_items", "positives"]
    return ItemCases.from_frame(pl.DataFrame(rows, schema=columns, orient="row"), "test")


def test_consumed_items_are_not_ranked() -> None:
    cases = make_cases()
    rankings = rank_cases(Fixed(), cases, LAYOUT, "fixed")
    assert rankings[0] == NAMES[1:21]
    assert rankings[1] == [*NAMES[:8], *NAMES[10:22]]
    assert rankings[2] == NAMES[3:23]


def test_measures_by_hand() -> None:
    cases = make_cases()
    measured = measure_rankings(rank_cases(Fixed(), cases, LAYOUT, "fixed"), cases)
    ann = dict(zip(MEASURES, measured[0], strict=True))
    # i01 stands first, i15 fifteenth
    ideal = 1 + 1 / np.log2(3)
    assert ann["hit_rate_at_10"] == ann["mrr_at_10"] == 1
    assert ann["recall_at_10"] == 0.5
    assert ann["recall_at_20"] == 1
    assert ann["ndcg_at_10"] == pytest.approx(1 / ideal)
    assert ann["ndcg_at_20"] == pytest.approx((1 + 1 / np.log2(16)) / ideal)
    assert measured[1].tolist() == [0] * len(MEASURES)
    assert measured[2].tolist() == [1] * len(MEASURES)


def test_summary_has_intervals_counts_segments_and_differences() -> None:
    cases = make_cases()
    ours = measure_rankings(rank_cases(Fixed(), cases, LAYOUT, "fixed"), cases)
    measured = {"recommender": ours, "popularity": np.zeros_like(ours)}
    figures = summarise_models(measured, cases, np.random.default_rng(0))

    assert figures["n_cases"] == figures["n_users"] == 3
    assert [figures[f"n_cases_{name}"] for name in ("light", "medium", "heavy")] == [1, 1, 1]
    assert figures["recommender_hit_rate_at_10"] == pytest.approx(2 / 3, abs=1e-6)
    assert figures["recommender_hit_rate_at_10_low"] < figures["recommender_hit_rate_at_10_high"]
    assert figures["recommender_ndcg_at_10_heavy"] == 1
    gain = figures["recommender_over_popularity_ndcg_at_10"]
    assert gain == figures["recommender_ndcg_at_10"]
    assert figures == summarise_models(measured, cases, np.random.default_rng(0))
    assert frame_models(figures)["model"].to_list() == ["recommender", "popularity"]
