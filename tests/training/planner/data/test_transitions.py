"""Which history clusters a prompt shows, and which clusters compete with the target."""

from __future__ import annotations

from collections import Counter

import numpy as np
import polars as pl
import pytest

from expectations.contracts.errors import UserError
from expectations.contracts.values import ClusterContext
from tests.worlds.planner import co_interest_world
from training.planner.config import PlannerConfig
from training.planner.data.transitions import (
    Transitions,
    newest_contexts,
    read_transitions,
    sample_contexts,
)


def transitions_of(*histories: list[int], target: int = 9) -> Transitions:
    frame = pl.DataFrame(
        {
            "split": "train",
            "user_id": [f"u{row}" for row in range(len(histories))],
            "event_timestamp": 0,
            "history_clusters": list(histories),
            "target_cluster": target,
        }
    )
    return read_transitions(frame, "train")


def draw(transitions: Transitions, times: int, **settings: object) -> Counter[ClusterContext]:
    config = PlannerConfig.model_validate(settings)
    rng = np.random.default_rng(0)
    return Counter(
        context for _ in range(times) for context in sample_contexts(transitions, config, rng)
    )


def test_newest_sampling_shows_the_newest_clusters_in_ascending_order() -> None:
    drawn = draw(transitions_of([7, 2, 5]), 50, context_sampling="newest", single_share=0)
    assert drawn == {ClusterContext((2, 7)): 50}


def test_history_sampling_shows_every_pair_equally_often() -> None:
    drawn = draw(transitions_of([7, 2, 5]), 3000, context_sampling="history", single_share=0)
    assert set(drawn) == {ClusterContext((2, 7)), ClusterContext((5, 7)), ClusterContext((2, 5))}
    # binomial(3000, 1/3): standard deviation 26; five of them are 129
    assert all(abs(count - 1000) < 130 for count in drawn.values())


def test_a_share_of_prompts_shows_one_cluster_for_the_tables_single_rows() -> None:
    drawn = draw(transitions_of([7, 2]), 2000, single_share=0.25)
    singles = sum(count for context, count in drawn.items() if len(context.members) == 1)
    assert abs(singles - 500) < 97  # binomial(2000, 1/4): five standard deviations
    assert ClusterContext((7,)) in drawn
    assert ClusterContext((2,)) in drawn


def test_a_user_with_a_single_cluster_is_shown_it() -> None:
    transitions = transitions_of([4], [4, 1, 3])
    assert draw(transitions, 20, single_share=0)[ClusterContext((4,))] == 20
    assert newest_contexts(transitions)[0] == ClusterContext((4,))


def test_candidates_are_the_clusters_outside_the_history() -> None:
    free = transitions_of([0, 3], [2], target=4).candidates(5)
    assert np.flatnonzero(~free[0]).tolist() == [0, 3]
    assert np.flatnonzero(~free[1]).tolist() == [2]


def test_targets_are_always_candidates_and_contexts_never_hold_them() -> None:
    train = read_transitions(co_interest_world(12, n_users=60).transitions, "train")
    assert train.candidates(12)[np.arange(len(train)), train.targets].all()
    contexts = sample_contexts(train, PlannerConfig(), np.random.default_rng(0))
    for context, target in zip(contexts, train.targets, strict=True):
        assert target not in context.members


def test_a_split_without_transitions_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(UserError, match="validation split") as caught:
        read_transitions(
            co_interest_world(6, 20).transitions.filter(pl.col("split") == "train"), "validation"
        )
    assert "validation_share" in caught.value.remedy


def test_joined_transitions_keep_their_histories() -> None:
    short, long = transitions_of([1], [2, 3]), transitions_of([4, 5, 6, 7], target=0)
    for joined, order in ((short.join(long), (0, 1, 2)), (long.join(short), (1, 2, 0))):
        rows = joined.take(np.array(order))
        histories = [row[row >= 0].tolist() for row in rows.histories]
        assert histories == [[1], [2, 3], [4, 5, 6, 7]]
        assert rows.lengths.tolist() == [1, 2, 4]
        assert rows.targets.tolist() == [9, 9, 0]
