"""ContextIndex of a prompt are exactly the transitions whose history holds its clusters."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from expectations.contracts.values import ClusterContext
from tests.worlds.planner import co_interest_world
from training.planner.config import PlannerConfig
from training.planner.data.context_index import ContextIndex
from training.planner.data.transitions import read_transitions, sample_contexts


@pytest.mark.parametrize("sampling", ["newest", "history"])
def test_companions_could_have_shown_the_same_prompt(sampling: str) -> None:
    config = PlannerConfig.model_validate({"context_sampling": sampling})
    train = read_transitions(co_interest_world(10, n_users=80).transitions, "train")
    rng = np.random.default_rng(0)
    contexts = sample_contexts(train, config, rng)
    drawn = ContextIndex(train, config).draw(contexts, 5, rng)
    assert drawn.shape == (len(train), 5)
    shown = train.histories[:, :2] if sampling == "newest" else train.histories
    for context, rows in zip(contexts, drawn, strict=True):
        for row in rows:
            assert set(context.members) <= set(shown[row].tolist())


def test_every_transition_that_holds_the_pair_is_drawn_in_the_end() -> None:
    train = read_transitions(co_interest_world(10, n_users=80).transitions, "train")
    rows = [
        row
        for row, history in enumerate(train.histories.tolist())
        if (2, 5) in combinations(sorted(history), 2)
    ]
    drawn = ContextIndex(train, PlannerConfig()).draw(
        [ClusterContext((2, 5))], 200 * len(rows), np.random.default_rng(0)
    )
    assert sorted(set(drawn[0].tolist())) == rows


def test_a_context_that_nobody_has_is_an_error() -> None:
    train = read_transitions(co_interest_world(10, n_users=2).transitions, "train")
    with pytest.raises(KeyError):
        ContextIndex(train, PlannerConfig()).draw(
            [ClusterContext((98, 99))], 1, np.random.default_rng(0)
        )
