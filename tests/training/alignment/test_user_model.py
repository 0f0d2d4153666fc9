"""The user model reads the state a request has: what was liked, how long ago, what was not."""

from __future__ import annotations

import polars as pl

from tests.worlds.curation import at
from training.alignment.user_model import fit_user_models, states_as_pasts

N = 5


def transitions_of(rows: list[tuple[str, list[int], list[int], int]]) -> pl.DataFrame:
    """TRANSITIONS, as far as they are read: split, history, consumed, target."""
    return pl.DataFrame(
        {
            "split": [row[0] for row in rows],
            "user_id": [f"u{place:03}" for place in range(len(rows))],
            "event_timestamp": [at(place % 50) for place in range(len(rows))],
            "history_clusters": [row[1] for row in rows],
            "consumed_clusters": [row[2] for row in rows],
            "target_cluster": [row[3] for row in rows],
        }
    )


def test_what_was_touched_but_not_liked_is_told_from_what_was_liked() -> None:
    states = states_as_pasts([[3, 1], []], [[1, 0, 3], [2]])
    assert states.clusters == [[3, 1, 0], [2]]
    assert states.liked_first == [[True, True, False], [False]]
    assert states.ages[0][:2] == [0, 1]


def test_a_dislike_and_the_order_of_likes_both_count() -> None:
    rows = [("train", [0], [0, 1], 2), ("train", [0, 1], [1, 0], 3), ("train", [1, 0], [0, 1], 4)]
    (model,) = fit_user_models(transitions_of(rows * 20), ("train",), N, (0.1,), 0.5)
    said = model.score(states_as_pasts([[0], [0, 1], [1, 0]], [[0, 1], [0, 1], [0, 1]]))
    assert said[:, 2:].argmax(axis=1).tolist() == [0, 1, 2]


def test_only_the_named_splits_are_learnt_from() -> None:
    first = [("train", [0], [0], 2)] * 5
    both = [*first, *([("validation", [0], [0], 3)] * 50)]
    early, late = (
        fit_user_models(transitions_of(both), splits, N, (1.0,), 0.8)[0].score(
            states_as_pasts([[0]], [[0]])
        )[0]
        for splits in (("train",), ("train", "validation"))
    )
    assert early[2] > early[3]
    assert late[3] > late[2]


def test_a_stronger_penalty_leaves_popularity() -> None:
    rows = [("train", [0], [0], 2), ("train", [1], [1], 3), ("train", [1], [1], 3)] * 10
    weak, strong = fit_user_models(transitions_of(rows), ("train",), N, (0.01, 1e6), 0.8)
    state = states_as_pasts([[0]], [[0]])
    assert weak.score(state)[0].argmax() == 2
    assert strong.score(state)[0].argmax() == 3
