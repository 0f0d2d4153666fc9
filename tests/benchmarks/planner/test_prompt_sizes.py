"""Longer prompts: what is expected of them, what they show, and a folder that is no run."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmarks.planner import prompt_sizes
from benchmarks.planner.prompt_sizes import draw_histories, expect_of
from expectations.contracts.values import NO_CLUSTER, ClusterContext
from pipelines.io.command import run_command
from training.planner.config import PlannerConfig
from training.planner.data.planner_data import BalancedSignal
from training.planner.data.transitions import Transitions

N = 9


class Summed:
    """A signal that adds up what each member of a context says."""

    def __init__(self, seed: int) -> None:
        self.association = np.random.default_rng(seed).standard_normal((N, N))

    def score_batch(self, contexts: Sequence[ClusterContext]) -> NDArray[np.float64]:
        """Return log-probabilities, minus infinity at members."""
        ends = np.array([(context.members[0], context.members[-1]) for context in contexts])
        logs = self.association[ends[:, 0]] + self.association[ends[:, 1]]
        np.put_along_axis(logs, ends, -np.inf, axis=1)
        return np.asarray(logs - np.log(np.exp(logs).sum(axis=1, keepdims=True)))


histories = st.lists(st.integers(0, N - 1), min_size=1, max_size=N - 1, unique=True)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 100), st.lists(histories, min_size=1, max_size=4))
def test_a_prompt_of_any_size_expects_novel_clusters(seed: int, shown: list[list[int]]) -> None:
    signal = BalancedSignal(Summed(seed), np.zeros(N))
    expected = expect_of(signal, shown)
    np.testing.assert_allclose(expected.sum(axis=1), 1.0)
    for row, history in zip(expected, shown, strict=True):
        assert set(np.flatnonzero(row == 0)) == set(history)


def test_where_members_add_up_a_long_prompt_expects_their_mean() -> None:
    signal, history = Summed(3), [4, 1, 7]
    novel = [c for c in range(N) if c not in history]
    # every member stands in two of the three contexts
    logs = 2 * signal.association[history].mean(axis=0)[novel]
    expected = expect_of(BalancedSignal(signal, np.zeros(N)), [history])[0, novel]
    np.testing.assert_allclose(expected, np.exp(logs) / np.exp(logs).sum())


def test_prompts_show_at_most_so_many_clusters_of_a_history() -> None:
    rows = np.array([[5, 2, 8, NO_CLUSTER], [1, NO_CLUSTER, NO_CLUSTER, NO_CLUSTER]])
    train = Transitions(rows, np.array([3, 1]), np.array([0, 0]))
    config = PlannerConfig(batch_size=64, table_share=0.5, single_share=0.25)
    shown = draw_histories(3, train, N, config, np.random.default_rng(0))
    people, anybody = shown[:32], shown[32:]
    assert all(set(history) <= {5, 2, 8} or history == [1] for history in people)
    assert {len(history) for history in anybody} == {1, 3}
    assert all(len(set(history)) == len(history) for history in shown)


def test_a_folder_without_a_run_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["prompt_sizes", str(tmp_path)])
    with pytest.raises(SystemExit) as stopped:
        run_command(prompt_sizes.main)
    assert stopped.value.code == 2
    assert "holds a planner's run" in capsys.readouterr().err
