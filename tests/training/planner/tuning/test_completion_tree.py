"""The tree keeps every branch, and its score is the whole completion's where the rest is sure."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.planner.tuning.completion_tree import build_completion_tree

END = 0
words = st.lists(st.integers(1, 5), min_size=1, max_size=4)
completions = st.lists(words, min_size=1, max_size=12, unique_by=tuple).map(
    lambda rows: [[*row, END] for row in rows]
)


@settings(deadline=None)
@given(completions, st.integers(0, 9))
def test_scores_are_the_sum_over_the_branching_tokens(rows: list[list[int]], seed: int) -> None:
    tree = build_completion_tree(rows)
    generator = torch.Generator().manual_seed(seed)
    logs = torch.randn(2, tree.n_nodes, 6, generator=generator).log_softmax(-1)
    node_of = {}
    for node in range(tree.n_nodes):
        way = sorted(
            torch.nonzero(tree.attends[node]).flatten().tolist(),
            key=tree.depths.tolist().__getitem__,
        )
        node_of[tuple(int(tree.tokens[step]) for step in way[1:])] = node
    expected = torch.zeros(2, len(rows))
    for index, row in enumerate(rows):
        for length, token in enumerate(row):
            prefix = row[:length]
            following = {other[length] for other in rows if other[:length] == prefix}
            if len(following) > 1:
                expected[:, index] += logs[:, node_of[tuple(prefix)], token]
    torch.testing.assert_close(tree.score(logs), expected)


@settings(deadline=None)
@given(completions)
def test_scores_add_up_to_one_where_the_model_writes_only_descriptions(
    rows: list[list[int]],
) -> None:
    """Children of a branch share probability one: then the descriptions do, too."""
    tree = build_completion_tree(rows)
    logs = torch.full((1, tree.n_nodes, 6), float("-inf"))
    for node, token in zip(tree.branch_nodes, tree.branch_tokens, strict=True):
        siblings = int((tree.branch_nodes == node).sum())
        logs[0, node, token] = -torch.log(torch.tensor(float(siblings)))
    assert tree.score(logs).exp().sum().item() == pytest.approx(1)


def test_the_beginning_of_another_description_is_told_apart_by_the_end_token() -> None:
    tree = build_completion_tree([[1, END], [1, 2, END]])
    assert tree.n_nodes == 2
    assert sorted(tree.branch_tokens.tolist()) == [END, 2]


def test_one_completion_has_no_branch() -> None:
    tree = build_completion_tree([[3, 4, END]])
    assert tree.n_nodes == 1
    assert tree.score(torch.zeros(2, 1, 6)).tolist() == [[0.0], [0.0]]


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([[1, END], [1, END]], "the same"),
        ([[1], [1, 2]], "beginning"),
        ([[1, 2], [1]], "beginning"),
    ],
)
def test_completions_that_cannot_be_told_apart_are_refused(rows: list[list[int]], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        build_completion_tree(rows)
