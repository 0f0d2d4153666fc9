"""The tree holds exactly the descriptions, in preorder, and refuses what it cannot tell apart."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.contracts.errors import UserError
from inference.search.config import Score
from inference.search.description_tree import NO_NODE, DescriptionTree, build_description_tree

END = 99
WORDS = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=5), min_size=1, unique_by=tuple)
SCORES: tuple[Score, ...] = ("closed", "open")


def spell_places(tree: DescriptionTree) -> list[tuple[int, ...]]:
    """Return the tokens from the prompt's end to each node."""
    spelled: list[tuple[int, ...]] = []
    for node in range(tree.n_nodes):
        ancestors = int(tree.parents[node])
        assert ancestors < node  # in preorder
        before = () if ancestors == NO_NODE else spelled[ancestors]
        assert len(before) + 1 == int(tree.node_depths[node])
        spelled.append((*before, int(tree.node_tokens[node])))
    return spelled


@settings(deadline=None)
@given(WORDS)
def test_open_places_are_all_beginnings_and_ways_spell_the_descriptions(
    words: list[list[int]],
) -> None:
    completions = [[*word, END] for word in words]
    tree = build_description_tree(completions, "open")
    spelled = spell_places(tree)
    assert spelled == sorted({tuple(w[:end]) for w in words for end in range(1, len(w) + 1)})
    for cluster, word in enumerate(words):
        segments = [s for s in tree.paths[cluster].tolist() if s != NO_NODE]
        nodes = [p for s in segments for p in tree.segment_nodes[s].tolist() if p != NO_NODE]
        assert [int(tree.node_tokens[p]) for p in nodes] == word
        start, stop = tree.branch_starts[segments[-1] : segments[-1] + 2].tolist()
        ends = dict(
            zip(
                tree.branch_targets[start:stop].tolist(),
                tree.branch_tokens[start:stop].tolist(),
                strict=True,
            )
        )
        assert ends[tree.n_segments + cluster] == END


@settings(deadline=None)
@given(WORDS, st.sampled_from(SCORES))
def test_a_place_knows_whether_it_leads_on_and_which_segment_leads_to_it(
    words: list[list[int]], score: Score
) -> None:
    tree = build_description_tree([[*word, END] for word in words], score)
    parents = tree.parents.tolist()
    assert tree.has_children.tolist() == [node in parents for node in range(tree.n_nodes)]
    for segment, row in enumerate(tree.segment_nodes.tolist()):
        nodes = [node for node in row if node != NO_NODE]
        if nodes:
            before = tree.segments_before[nodes].unique().item()
            start, stop = tree.branch_starts[before : before + 2].tolist()
            assert segment in tree.branch_targets[start:stop].tolist()


@settings(deadline=None)
@given(WORDS)
def test_closed_places_are_the_ways_to_a_choice(words: list[list[int]]) -> None:
    completions = [[*word, END] for word in words]
    tree = build_description_tree(completions, "closed")
    following: dict[tuple[int, ...], set[int]] = {}
    for completion in completions:
        for end, token in enumerate(completion):
            following.setdefault(tuple(completion[:end]), set()).add(token)
    choices = [prefix for prefix, tokens in following.items() if len(tokens) > 1]
    expected = {prefix[:end] for prefix in choices for end in range(1, len(prefix) + 1)}
    assert spell_places(tree) == sorted(expected)


@settings(deadline=None)
@given(WORDS, st.sampled_from(SCORES))
def test_every_branch_leads_to_one_segment_or_cluster(words: list[list[int]], score: Score) -> None:
    tree = build_description_tree([[*word, END] for word in words], score)
    targets = sorted(tree.branch_targets.tolist())
    assert targets == list(range(1, tree.n_segments + len(words)))
    levels = [sum(s != NO_NODE for s in path) for path in tree.paths.tolist()]
    assert max(levels) == int(tree.segment_levels.max())
    below = [
        sum(segment in path for path in tree.paths.tolist()) for segment in range(tree.n_segments)
    ]
    assert tree.n_clusters_below.tolist() == [len(words), *below[1:]]
    for segment, nodes in enumerate(tree.segment_nodes.tolist()):
        inside = [node for node in nodes if node != NO_NODE]
        assert [int(tree.segment_of_end[p]) for p in inside[-1:]] == ([segment] if inside else [])
        assert all(tree.next_tokens[p] == tree.node_tokens[p + 1] for p in inside[:-1])


def test_a_description_that_begins_another_ends_apart() -> None:
    tree = build_description_tree([[1, END], [1, 2, END]], "closed")
    assert sorted(tree.branch_tokens.tolist()) == [1, 2, END]


@pytest.mark.parametrize("words", [[], [[1, END], [1, END]], [[1], [1, 2]]])
def test_sets_that_cannot_be_told_apart_are_refused(words: list[list[int]]) -> None:
    with pytest.raises(UserError):
        build_description_tree(words, "closed")
