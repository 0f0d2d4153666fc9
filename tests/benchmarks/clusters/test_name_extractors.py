"""Names of other extractors, made as unique as ours have to be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.clusters.name_extractors import make_unique


def test_a_name_that_is_taken_goes_on_to_its_next_best_word() -> None:
    ranked = [list("abcde"), list("bacdf"), list("abcdef"), list("wxyz")]
    assert make_unique(ranked, 4) == [list("abcd"), list("bacf"), list("abce"), list("wxyz")]


def test_a_name_whose_words_run_out_stays_as_it_was() -> None:
    assert make_unique([["a", "b"], ["b", "a"], ["a"]], 2) == [["a", "b"], ["b", "a"], ["a"]]


@given(st.lists(st.permutations("abcdefgh"), max_size=5))
def test_names_are_unique_while_words_last(ranked: list[list[str]]) -> None:
    names = make_unique(ranked, 4)
    assert len({frozenset(name) for name in names}) == len(ranked)
    assert all(name[:3] == words[:3] for name, words in zip(names, ranked, strict=True))
