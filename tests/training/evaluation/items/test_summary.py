"""Every model on the same cases: figures worked by hand, intervals, differences and buckets."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from training.evaluation.items.buckets import ITEM_BUCKETS, bucket_items, recall_by_item
from training.evaluation.items.cases import ItemCases
from training.evaluation.items.lists import collect_facts
from training.evaluation.items.plots import frame_models
from training.evaluation.items.ranks import ItemRankings, rank_held_out
from training.evaluation.items.summary import summarise_items, summarise_models, summarise_users
from training.recommender.data.histories import Sequences
from training.recommender.data.layout import arrange_items

NAMES = [f"i{n:02d}" for n in range(30)]
LAYOUT = arrange_items(NAMES, np.zeros(30, dtype=np.int64), 1)
# i01 is liked by two, i03 and i15 by one each, i29 by nobody
FACTS = collect_facts(Sequences.of([[2, 4], [2], [16]]), LAYOUT)


class Fixed:
    """Scores items in alphabetical order, the first best, or the other way round."""

    def __init__(self, sign: int = -1) -> None:
        self._row = sign * np.arange(30.0, dtype=np.float32)

    def score_sequences(self, sequences: Sequences) -> np.ndarray:
        return np.tile(self._row, (len(sequences), 1))


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


def rank(scorer: Fixed) -> ItemRankings:
    return rank_held_out(scorer, make_cases().hold_out(LAYOUT), 20, "fixed")


def test_consumed_items_are_not_ranked() -> None:
    best = [[NAMES[index - 1] for index in row] for row in rank(Fixed()).best]
    assert best[0] == NAMES[1:21]
    assert best[1] == [*NAMES[:8], *NAMES[10:22]]
    assert best[2] == NAMES[3:23]


def test_an_item_that_the_catalogue_does_not_hold_is_a_miss() -> None:
    cases = ItemCases(("ann",), (["i00", "new"],), (["i00"],), (frozenset({"i01", "new"}),))
    held_out = cases.hold_out(LAYOUT)
    assert held_out.histories[0].tolist() == [1]
    assert sorted(rank_held_out(Fixed(), held_out, 20, "fixed").ranks) == [1, np.inf]


def test_figures_by_hand() -> None:
    cases = make_cases()
    held_out = cases.hold_out(LAYOUT)
    ranked = {"recommender": rank(Fixed()), "popularity": rank(Fixed(+1))}
    figures = summarise_models(ranked, held_out, cases.users, FACTS, np.random.default_rng(0))

    # ann: i01 first, i15 fifteenth; bob: i29 last; cid: i03 first
    ideal = 1 + 1 / np.log2(3)
    assert figures["n_cases"] == figures["n_users"] == 3
    assert figures["n_items"] == 30
    assert figures["recommender_hit_rate_at_1"] == pytest.approx(2 / 3, abs=1e-6)
    assert figures["recommender_hit_rate_at_10_low"] < figures["recommender_hit_rate_at_10_high"]
    assert figures["recommender_recall_at_10"] == 0.5
    assert figures["recommender_recall_at_20"] == pytest.approx(2 / 3, abs=1e-6)
    assert figures["recommender_ndcg_at_10"] == pytest.approx((1 / ideal + 1) / 3, abs=1e-6)
    # the other way round bob's item comes first, ann's i15 fifteenth
    assert figures["popularity_mrr_at_20"] == pytest.approx((1 / 15 + 1) / 3, abs=1e-6)
    gain = figures["recommender_over_popularity_ndcg_at_10"]
    assert gain == pytest.approx(1 / ideal / 3, abs=1e-6)
    assert figures["recommender_over_popularity_ndcg_at_10_low"] < gain
    assert figures["recommender_coverage_at_10"] == pytest.approx(13 / 30, abs=1e-6)
    again = summarise_models(ranked, held_out, cases.users, FACTS, np.random.default_rng(0))
    assert figures == again
    assert frame_models(figures)["model"].to_list() == ["recommender", "popularity"]


def test_users_are_cut_in_thirds_by_what_they_consumed() -> None:
    cases = make_cases()
    ranked = {"recommender": rank(Fixed())}
    figures = summarise_users(
        ranked,
        cases.hold_out(LAYOUT),
        cases.users,
        cases.n_consumed,
        np.random.default_rng(0),
    )
    segments = ("light", "middle", "heavy")  # ann, bob, cid
    assert [figures[f"n_cases_{name}_users"] for name in segments] == [1, 1, 1]
    recalls = [figures[f"recommender_recall_at_10_{name}_users"] for name in segments]
    assert recalls == [0.5, 0, 1]


def test_items_are_cut_by_what_was_liked_before() -> None:
    cases = make_cases()
    ranked = {"recommender": rank(Fixed()), "popularity": rank(Fixed(+1))}
    held_out = cases.hold_out(LAYOUT)
    figures = summarise_items(ranked, held_out, cases.users, FACTS, np.random.default_rng(0))
    # half of all likes are of i01, the head; then i03; then i15; nobody liked i29
    assert [figures[f"n_positives_{name}_items"] for name in ITEM_BUCKETS] == [1, 1, 1, 1]
    assert figures["recommender_recall_at_10_head_items"] == 1
    assert figures["recommender_recall_at_10_middle_items"] == 1
    assert figures["recommender_recall_at_10_tail_items"] == 0
    assert figures["recommender_recall_at_10_cold_items"] == 0
    assert figures["popularity_recall_at_10_cold_items"] == 1
    assert figures["n_cases_cold_items"] == 1


def test_a_case_counts_in_a_bucket_by_its_positives_there() -> None:
    """Of two head items one is found: half; the cold one found beside them is another matter."""
    cases = ItemCases(("ann",), (["i00"],), (["i00"],), (frozenset({"i01", "i02", "i20"}),))
    buckets = np.zeros(30, dtype=np.int64)
    buckets[[1, 2]] = 3
    ranks = np.array([1.0, 30.0, 10.0])  # in the order of embedding indices
    found = recall_by_item(ranks, cases.hold_out(LAYOUT), buckets)
    assert [bucket.recall.tolist() for bucket in found] == [[1.0], [], [], [0.5]]
    assert [bucket.n_positives for bucket in found] == [1, 0, 0, 2]


def test_a_catalogue_that_nobody_liked_is_all_cold() -> None:
    assert bucket_items(np.zeros(3, dtype=np.int64)).tolist() == [0, 0, 0]


def test_without_cases_only_counts_are_told() -> None:
    nobody = ItemCases((), (), (), ())
    held_out = nobody.hold_out(LAYOUT)
    ranked = {"recommender": rank_held_out(Fixed(), held_out, 20, "fixed")}
    rng = np.random.default_rng(0)
    figures = {
        **summarise_models(ranked, held_out, nobody.users, FACTS, rng),
        **summarise_users(ranked, held_out, nobody.users, nobody.n_consumed, rng),
        **summarise_items(ranked, held_out, nobody.users, FACTS, rng),
    }
    assert figures["n_cases"] == figures["n_positives_head_items"] == 0
    assert not any(name.startswith("recommender") for name in figures)
