"""Leave-one-out: cut by hand, ranks against a sort of the whole catalogue, ties by one rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.evaluation.items.cases import HeldOut
from training.evaluation.items.leave_one_out import (
    cut_leave_one_out,
    rank_targets,
    summarise_ranks,
)
from training.evaluation.items.ranks import rank_held_out
from training.recommender.data.histories import Sequences

N_ITEMS = 6


@dataclass(frozen=True)
class Table:
    """Scores written down beforehand: row ``u`` for the history that starts with item u + 1."""

    scores: np.ndarray

    def score_sequences(self, sequences: Sequences) -> np.ndarray:
        return self.scores[sequences.items[sequences.offsets[:-1]] - 1].astype(np.float32)


def test_the_last_item_is_the_test_and_the_one_before_it_the_validation() -> None:
    cut = cut_leave_one_out(Sequences.of([[1, 2, 3, 4], [5], [6, 5], [2, 1, 6]]))
    assert [row.tolist() for row in cut.train] == [[1, 2], [5], [6, 5], [2]]
    assert [row.tolist() for row in cut.validation_histories] == [[1, 2], [2]]
    assert cut.validation_targets.tolist() == [3, 1]
    assert [row.tolist() for row in cut.test_histories] == [[1, 2, 3], [2, 1]]
    assert cut.test_targets.tolist() == [4, 6]


def test_items_of_one_moment_keep_their_order() -> None:
    """Sequences are cut by place alone: what stands last was last, whatever its id."""
    for order in ([1, 2, 3], [1, 3, 2], [3, 2, 1]):
        assert cut_leave_one_out(Sequences.of([order])).test_targets.tolist() == order[-1:]


def test_seen_items_are_ranked_or_not_as_asked() -> None:
    scorer = Table(np.array([[5.0, 4, 3, 2, 1, 0], [0, 1, 2, 3, 4, 5]]))
    histories = Sequences.of([[1, 3], [2, 6]])
    targets = np.array([4, 4])
    assert rank_targets(scorer, histories, targets, remove_seen=False).tolist() == [4, 3]
    assert rank_targets(scorer, histories, targets, remove_seen=True).tolist() == [2, 2]


def test_a_target_that_was_seen_is_not_found_when_seen_items_are_removed() -> None:
    scorer = Table(np.zeros((1, N_ITEMS)))
    ranks = rank_targets(scorer, Sequences.of([[1, 2]]), np.array([2]), remove_seen=True)
    assert ranks.tolist() == [np.inf]
    assert set(summarise_ranks(ranks, [1, 20]).values()) == {0.0}


def test_a_scorer_that_cannot_tell_items_apart_gains_nothing() -> None:
    """All equal: items stand in order of place, so that over all targets each rank comes once."""
    scorer = Table(np.zeros((1, N_ITEMS)))
    histories = Sequences.of([[1]] * N_ITEMS)
    ranks = rank_targets(scorer, histories, np.arange(1, N_ITEMS + 1), remove_seen=False)
    assert ranks.tolist() == [1, 2, 3, 4, 5, 6]


def test_a_score_that_is_not_a_number_is_refused() -> None:
    scores = np.zeros((1, N_ITEMS))
    scores[0, 3] = np.nan
    with pytest.raises(ValueError, match="not a number"):
        rank_targets(Table(scores), Sequences.of([[1]]), np.array([2]), remove_seen=False)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(
        st.lists(st.sampled_from([0.0, 0.5, 1.0, -np.inf]), min_size=N_ITEMS, max_size=N_ITEMS),
        min_size=1,
        max_size=4,
    ),
    data=st.data(),
)
def test_ranks_and_best_items_are_those_of_a_full_sort(
    rows: list[list[float]], data: st.DataObject
) -> None:
    """However many ties there are, both are read off one stable sort of the whole catalogue."""
    items = st.integers(1, N_ITEMS)
    excluded = [data.draw(st.lists(items, unique=True, max_size=4)) for _ in rows]
    positives = [data.draw(st.lists(items, unique=True, min_size=1, max_size=4)) for _ in rows]
    histories = Sequences.of([[row + 1] for row in range(len(rows))])
    cases = HeldOut(histories, Sequences.of(excluded), Sequences.of(positives))
    found = rank_held_out(Table(np.array(rows)), cases, 4, "a table")

    expected = []
    for case, row in enumerate(rows):
        open_items = [
            n + 1 for n in range(N_ITEMS) if row[n] > -np.inf and n + 1 not in excluded[case]
        ]
        order = sorted(open_items, key=lambda index: -row[index - 1])  # stable
        expected += [order.index(p) + 1 if p in order else np.inf for p in positives[case]]
        assert found.best[case].tolist() == [*order[:4], *[0] * (4 - len(order))][:4]
    assert found.ranks.tolist() == expected


def test_batches_do_not_change_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    scorer = Table(rng.integers(0, 3, (50, N_ITEMS)).astype(np.float64))
    histories = Sequences.of([[row + 1] for row in range(50)])
    targets = rng.integers(1, N_ITEMS + 1, 50)
    whole = rank_targets(scorer, histories, targets, remove_seen=False)
    monkeypatch.setattr("training.evaluation.items.ranks.CELLS_AT_ONCE", 2 * N_ITEMS)
    assert rank_targets(scorer, histories, targets, remove_seen=False).tolist() == whole.tolist()


def test_figures_by_hand() -> None:
    figures = summarise_ranks(np.array([1.0, 4.0, np.inf, 11.0]), [1, 5, 20])
    assert figures["hit_rate_at_1"] == figures["ndcg_at_1"] == figures["mrr_at_1"] == 0.25
    assert figures["hit_rate_at_5"] == 0.5
    assert figures["ndcg_at_5"] == pytest.approx((1 + 1 / np.log2(5)) / 4)
    assert figures["mrr_at_20"] == pytest.approx((1 + 1 / 4 + 1 / 11) / 4)
