"""Attention over rows that are read as one sequence is that of each row alone, with a mask."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import AttentionInterface

from inference.search.description_tree import NOTHING
from inference.search.row_states import RowStates
from inference.search.tree_attention import (
    HIDDEN,
    NAME,
    EverythingKept,
    Step,
    attend,
    reading,
)

SIZE, CAPACITY, N_PROMPT = 4, 8, 32
TREES = st.lists(st.lists(st.integers(-1, 6), max_size=CAPACITY), min_size=1, max_size=4).filter(
    lambda rows: any(rows)
)


def parents_of(numbers: list[int]) -> list[int]:
    """Return a parent for each place, before it or none."""
    return [min(number, place - 1) for place, number in enumerate(numbers)]


def ways_of(parents: list[int]) -> list[list[int]]:
    """Return the places on the way to each place, itself first."""
    ways: list[list[int]] = []
    for place, parent in enumerate(parents):
        ways.append([place, *([] if parent == NOTHING else ways[parent])])
    return ways


def plain(query: Tensor, keys: Tensor, values: Tensor, scaling: float) -> Tensor:
    """Return one head's attention of one query [D] over [T, D]."""
    return ((keys @ query) * scaling).softmax(dim=0) @ values


@settings(deadline=None, max_examples=60)
@given(TREES, st.sampled_from([(2, 1), (1, 3), (2, 2)]), st.integers(0, 9))
def test_packed_rows_attend_as_each_alone(
    trees: list[list[int]], heads: tuple[int, int], seed: int
) -> None:
    n_heads, n_shared = heads
    rng = torch.Generator().manual_seed(seed)
    ways = [ways_of(parents_of(numbers)) for numbers in trees]
    tokens = [(row, place) for row, found in enumerate(ways) for place in range(len(found))]
    n_rows, n_tokens = len(ways), len(tokens)
    queries = torch.randn(1, n_heads * n_shared, n_tokens, SIZE, generator=rng)
    keys, values = torch.randn(2, 1, n_heads, n_tokens, SIZE, generator=rng)
    prompts = torch.randn(2, n_rows, n_heads, N_PROMPT, SIZE, generator=rng)
    lengths = [3 + 7 * row for row in range(n_rows)]
    hidden = torch.zeros(n_rows, 1, 1, N_PROMPT)
    for row, length in enumerate(lengths):
        hidden[row, ..., length:] = HIDDEN
    states = RowStates(n_rows, N_PROMPT, CAPACITY)
    layer = states.layer(0, keys[0].transpose(0, 1), values[0].transpose(0, 1))
    layer.prompt_keys.copy_(prompts[0])
    layer.prompt_values.copy_(prompts[1])
    depth = max(len(way) for found in ways for way in found)
    above = []
    for step in range(1, depth):
        deep = [
            (token, tokens.index((row, ways[row][place][step])))
            for token, (row, place) in enumerate(tokens)
            if len(ways[row][place]) > step
        ]
        above.append((torch.tensor([t for t, _ in deep]), torch.tensor([s for _, s in deep])))
    packed = Step(
        states=states,
        rows=torch.arange(n_rows),
        hidden=hidden,
        group=torch.tensor([row for row, _ in tokens]),
        rank=torch.tensor([place for _, place in tokens]),
        width=max(map(len, ways)),
        is_full=len({len(found) for found in ways}) == 1,
        slots=slice(0, n_tokens),
        kept=torch.arange(n_tokens),
        above=above,
    )
    config = SimpleNamespace(_attn_implementation="before")
    with reading(config, packed):
        assert config._attn_implementation == NAME
        found, _ = attend(SimpleNamespace(layer_idx=0), queries, keys, values, None, scaling=0.7)
    assert config._attn_implementation == "before"
    first = {token: number for number, token in enumerate(tokens)}
    for number, (row, place) in enumerate(tokens):
        way = [first[(row, step)] for step in ways[row][place]]
        for head in range(n_heads * n_shared):
            shared = head // n_shared
            seen = [
                torch.cat([part[row, shared, : lengths[row]], own[0, shared, way]])
                for part, own in ((prompts[0], keys), (prompts[1], values))
            ]
            expected = plain(queries[0, head, number], seen[0], seen[1], 0.7)
            assert torch.allclose(found[0, number, head], expected, atol=1e-5)


def test_reading_of_silent_tokens_ends_once_their_keys_and_values_are_kept() -> None:
    states = RowStates(1, 2, CAPACITY)
    query, key, value = torch.randn(3, 1, 1, 3, SIZE, generator=torch.Generator().manual_seed(0))
    three = torch.arange(3)
    silent = Step(
        states=states,
        rows=torch.tensor([0]),
        hidden=torch.full((1, 1, 1, states.n_slots), HIDDEN),
        group=torch.zeros(3, dtype=torch.int64),
        rank=three,
        width=3,
        is_full=True,
        slots=slice(4, 6),
        kept=torch.tensor([0, 2]),
        last_layer=1,
    )
    with reading(SimpleNamespace(_attn_implementation="before"), silent):
        attend(SimpleNamespace(layer_idx=0), query, key, value, None)
        with pytest.raises(EverythingKept):
            attend(SimpleNamespace(layer_idx=1), query, key, value, None)
    assert states.last_layer == 1
    last = states.layer(1, key[0].transpose(0, 1), value[0].transpose(0, 1))
    assert torch.equal(last.keys[4:6, 0], key[0, 0, [0, 2]])
    assert torch.equal(last.values[4:6, 0], value[0, 0, [0, 2]])


def test_transformers_knows_it_and_nobody_reads_outside_of_a_step() -> None:
    assert AttentionInterface().get_interface(NAME, None) is attend
    nothing = torch.zeros(1, 1, 1, SIZE)
    with pytest.raises(LookupError):
        attend(SimpleNamespace(layer_idx=0), nothing, nothing, nothing, None)
