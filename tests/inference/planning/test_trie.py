"""The trie holds exactly the descriptions, and refuses sets that cannot be told apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.contracts.errors import UserError
from inference.planning.trie import ROOT, build_trie

END = 99
WORDS = st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=5), min_size=1, unique_by=tuple)


@settings(deadline=None)
@given(WORDS)
def test_paths_spell_the_descriptions(words: list[list[int]]) -> None:
    trie = build_trie([[*word, END] for word in words])
    for word, leaf in zip(words, trie.leaves, strict=True):
        path, node = [], int(leaf)
        while node != ROOT:
            assert trie.depths[node] == (
                1 if trie.parents[node] == ROOT else path_depth(trie, node)
            )
            path.append(int(trie.tokens[node]))
            node = int(trie.parents[node])
        assert path[::-1] == [*word, END]
    prefixes = {tuple([*word, END][:end]) for word in words for end in range(1, len(word) + 2)}
    assert len(trie.tokens) == len(prefixes)
    assert len(trie.inner) == len(prefixes) - len(words)


def path_depth(trie: object, node: int) -> int:
    parents = trie.parents  # type: ignore[attr-defined]
    depth = 0
    while node != ROOT:
        node, depth = int(parents[node]), depth + 1
    return depth


@settings(deadline=None)
@given(WORDS)
def test_sums_and_ancestry_follow_the_paths(words: list[list[int]]) -> None:
    trie = build_trie([[*word, END] for word in words])
    values = np.random.default_rng(0).random((2, len(trie.tokens)))
    everything = np.arange(len(trie.tokens))
    ancestry = trie.ancestry(everything)
    expected = values @ ancestry[trie.leaves].T
    assert np.allclose(trie.sum_paths(values), expected)
    assert (ancestry.sum(axis=1) == trie.depths).all()


def test_a_description_that_begins_another_keeps_its_own_leaf() -> None:
    trie = build_trie([[1, END], [1, 2, END]])
    assert len(set(trie.leaves.tolist())) == 2


@pytest.mark.parametrize("words", [[], [[]], [[1, END], [1, END]], [[1], [1, 2]]])
def test_sets_that_cannot_be_told_apart_are_refused(words: list[list[int]]) -> None:
    with pytest.raises(UserError):
        build_trie(words)
