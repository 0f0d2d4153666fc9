"""Measures of cases against RecTools' own numbers, case by case.

``rectools_metrics.json`` was made by RecTools 0.19.0 with
``benchmarks/recommender/rectools_metrics.py``: 24 users, 40 items in five clusters, the last four
never liked before; lists of 20 in random order.
"""

from __future__ import annotations

import doctest
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.evaluation.items import buckets, leave_one_out, measures
from training.evaluation.items.lists import collect_facts, measure_coverage, measure_lists
from training.evaluation.items.measures import DEPTHS, measure_ranks
from training.evaluation.metrics import ndcg_at_k, reciprocal_rank
from training.recommender.data.histories import Sequences
from training.recommender.data.layout import FIRST_ITEM, ItemLayout, arrange_items

GOLDEN = json.loads((Path(__file__).parent / "rectools_metrics.json").read_text(encoding="utf-8"))


def as_sequences(rows: list[list[int]]) -> Sequences:
    return Sequences.of([[item + FIRST_ITEM for item in row] for row in rows])


def make_layout() -> ItemLayout:
    clusters = np.array(GOLDEN["clusters"])
    names = [f"i{n:02d}" for n in range(len(clusters))]
    return arrange_items(names, clusters, int(clusters.max()) + 1)


def measure_golden_world() -> dict[str, Any]:
    layout = make_layout()
    positives = as_sequences(GOLDEN["positives"])
    ranks = np.array(
        [
            shown.index(item) + 1 if item in shown else np.inf
            for shown, wanted in zip(GOLDEN["rankings"], GOLDEN["positives"], strict=True)
            for item in wanted
        ]
    )
    best = np.array(GOLDEN["rankings"]) + FIRST_ITEM
    facts = collect_facts(as_sequences(GOLDEN["histories"]), layout)
    return {
        **measure_ranks(ranks, positives.offsets),
        **measure_lists(best, positives, facts),
        "coverage_at_10": [measure_coverage(best, layout.n_items)],
    }


@pytest.mark.parametrize("measure", sorted(GOLDEN["figures"]))
def test_every_measure_is_that_of_rectools(measure: str) -> None:
    expected = GOLDEN["figures"][measure]
    np.testing.assert_allclose(measure_golden_world()[measure], expected, rtol=1e-12, atol=0)
    assert measure == "coverage_at_10" or len(set(expected)) > 1  # a constant would test nothing


def test_rectools_measured_all_that_we_do() -> None:
    assert set(measure_golden_world()) == set(GOLDEN["figures"])


def test_doctests_hold() -> None:
    for module in (buckets, leave_one_out, measures):
        result = doctest.testmod(module)
        assert result.attempted
        assert not result.failed


@settings(deadline=None)
@given(
    st.permutations(list(range(12))),
    st.sets(st.integers(0, 11), min_size=1),
    st.integers(1, 12),
)
def test_ranks_and_rankings_give_the_same_figures(
    ranked: list[int], positives: set[int], k: int
) -> None:
    """Training's early stop measures rankings, the evaluation ranks: one NDCG, one MRR."""
    ranks = np.array([ranked.index(name) + 1 for name in positives], dtype=np.float64)
    measured = measure_ranks(ranks, np.array([0, len(ranks)]), [k])
    assert measured[f"ndcg_at_{k}"][0] == pytest.approx(ndcg_at_k(ranked, positives, k))
    assert measured[f"mrr_at_{k}"][0] == reciprocal_rank(ranked[:k], positives)
    assert measured[f"hit_rate_at_{k}"][0] == (not positives.isdisjoint(ranked[:k]))


def test_a_case_without_positives_is_refused() -> None:
    with pytest.raises(ValueError, match="without positives"):
        measure_ranks(np.array([1.0]), np.array([0, 1, 1]))


def test_no_cases_give_no_values() -> None:
    measured = measure_ranks(np.empty(0), np.array([0]))
    assert {len(values) for values in measured.values()} == {0}
    assert len(measured) == 4 * len(DEPTHS)


def test_a_short_list_is_measured_over_what_it_holds() -> None:
    """Two items of one cluster, one liked by both people, one by nobody; then an empty list."""
    layout = arrange_items(["a", "b", "c"], np.array([0, 0, 1]), 2)
    facts = collect_facts(Sequences.of([[1], [1, 3]]), layout)
    best = np.array([[1, 2, 0, 0], [0, 0, 0, 0]])
    measured = measure_lists(best, Sequences.of([[2], [1]]), facts)
    # a: nothing new in it; b: as if one of two people had liked it, one bit
    assert measured["novelty_at_10"].tolist() == [0.5, 0.0]
    assert measured["diversity_at_10"].tolist() == [0.0, 0.0]
    # b stands second of three, and would be shown to nobody
    assert measured["serendipity_at_10"].tolist() == pytest.approx([2 / 3 / 2, 0.0])
    assert measure_coverage(best, 3) == pytest.approx(2 / 3)
