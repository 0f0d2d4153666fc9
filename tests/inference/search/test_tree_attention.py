"""Attention over rows that are read as one sequence is that of each row alone, with a mask."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import AttentionInterface, __version__

from inference.search.description_tree import NO_NODE
from inference.search.key_value_cache import KeyValueCache
from inference.search.tree_attention import (
    MASKED,
    NAME,
    CacheFilled,
    Step,
    attend,
    reading,
)
from tests.worlds.planning import DESCRIPTIONS, make_planner

SIZE, CAPACITY, N_PROMPT = 4, 8, 32
TREES = st.lists(st.lists(st.integers(-1, 6), max_size=CAPACITY), min_size=1, max_size=4).filter(
    lambda rows: any(rows)
)


def parents_of(numbers: list[int]) -> list[int]:
    """Return a parent for each node, before it or none."""
    return [min(number, node - 1) for node, number in enumerate(numbers)]


def paths_of(parents: list[int]) -> list[list[int]]:
    """Return the nodes on the path to each node, itself first."""
    paths: list[list[int]] = []
    for node, parent in enumerate(parents):
        paths.append([node, *([] if parent == NO_NODE else paths[parent])])
    return paths


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
    paths = [paths_of(parents_of(numbers)) for numbers in trees]
    tokens = [(row, node) for row, found in enumerate(paths) for node in range(len(found))]
    n_rows, n_tokens = len(paths), len(tokens)
    queries = torch.randn(1, n_heads * n_shared, n_tokens, SIZE, generator=rng)
    keys, values = torch.randn(2, 1, n_heads, n_tokens, SIZE, generator=rng)
    prompts = torch.randn(2, n_rows, n_heads, N_PROMPT, SIZE, generator=rng)
    lengths = [3 + 7 * row for row in range(n_rows)]
    mask = torch.zeros(n_rows, 1, 1, N_PROMPT)
    for row, length in enumerate(lengths):
        mask[row, ..., length:] = MASKED
    cache = KeyValueCache(n_rows, N_PROMPT, CAPACITY)
    layer = cache.layer(0, keys[0].transpose(0, 1), values[0].transpose(0, 1))
    layer.prompt_keys.copy_(prompts[0])
    layer.prompt_values.copy_(prompts[1])
    depth = max(len(path) for found in paths for path in found)
    ancestors = []
    for step in range(1, depth):
        deep = [
            (token, tokens.index((row, paths[row][node][step])))
            for token, (row, node) in enumerate(tokens)
            if len(paths[row][node]) > step
        ]
        ancestors.append((torch.tensor([t for t, _ in deep]), torch.tensor([s for _, s in deep])))
    packed = Step(
        cache=cache,
        rows=torch.arange(n_rows),
        mask=mask,
        group=torch.tensor([row for row, _ in tokens]),
        rank=torch.tensor([node for _, node in tokens]),
        width=max(map(len, paths)),
        is_full=len({len(found) for found in paths}) == 1,
        slots=slice(0, n_tokens),
        kept=torch.arange(n_tokens),
        ancestors=ancestors,
    )
    config = SimpleNamespace(_attn_implementation="before")
    with reading(config, packed):
        assert config._attn_implementation == NAME
        found, _ = attend(SimpleNamespace(layer_idx=0), queries, keys, values, None, scaling=0.7)
    assert config._attn_implementation == "before"
    first = {token: number for number, token in enumerate(tokens)}
    for number, (row, node) in enumerate(tokens):
        path = [first[(row, step)] for step in paths[row][node]]
        for head in range(n_heads * n_shared):
            shared = head // n_shared
            seen = [
                torch.cat([part[row, shared, : lengths[row]], own[0, shared, path]])
                for part, own in ((prompts[0], keys), (prompts[1], values))
            ]
            expected = plain(queries[0, head, number], seen[0], seen[1], 0.7)
            assert torch.allclose(found[0, number, head], expected, atol=1e-5)


def test_reading_of_silent_tokens_ends_once_their_keys_and_values_are_kept() -> None:
    cache = KeyValueCache(1, 2, CAPACITY)
    query, key, value = torch.randn(3, 1, 1, 3, SIZE, generator=torch.Generator().manual_seed(0))
    three = torch.arange(3)
    cache_only = Step(
        cache=cache,
        rows=torch.tensor([0]),
        mask=torch.full((1, 1, 1, cache.n_slots), MASKED),
        group=torch.zeros(3, dtype=torch.int64),
        rank=three,
        width=3,
        is_full=True,
        slots=slice(4, 6),
        kept=torch.tensor([0, 2]),
        last_layer=1,
    )
    with reading(SimpleNamespace(_attn_implementation="before"), cache_only):
        attend(SimpleNamespace(layer_idx=0), query, key, value, None)
        with pytest.raises(CacheFilled):
            attend(SimpleNamespace(layer_idx=1), query, key, value, None)
    assert cache.last_layer == 1
    last = cache.layer(1, key[0].transpose(0, 1), value[0].transpose(0, 1))
    assert torch.equal(last.keys[4:6, 0], key[0, 0, [0, 2]])
    assert torch.equal(last.values[4:6, 0], value[0, 0, [0, 2]])


def test_transformers_knows_it_and_nobody_reads_outside_of_a_step() -> None:
    assert AttentionInterface().get_interface(NAME, None) is attend
    nothing = torch.zeros(1, 1, 1, SIZE)
    with pytest.raises(LookupError):
        attend(SimpleNamespace(layer_idx=0), nothing, nothing, nothing, None)


RELIED_ON = "5.23.0"
"""The transformers whose private setting, and whose forward passes left half-way, are relied on."""


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gemma2"])
def test_a_model_left_half_way_is_as_it_was(architecture: str) -> None:
    assert __version__ == RELIED_ON, "read the first page of tree_attention.py before going on"
    planner = make_planner(architecture=architecture)
    config = planner.model.config
    tokens = torch.tensor([planner.encode_prompt(list(DESCRIPTIONS[:2]))])
    state = {name: value.clone() for name, value in planner.model.state_dict().items()}
    with torch.inference_mode():
        before, setting = planner.model(input_ids=tokens).logits, config._attn_implementation
        cache = KeyValueCache(1, tokens.shape[1], 0)
        n_tokens = tokens.shape[1]
        ranks = torch.arange(n_tokens)
        slots = torch.arange(cache.n_slots)
        step = Step(
            cache=cache,
            rows=slice(0, 1),
            mask=torch.where(slots <= ranks[:, None], 0.0, MASKED)[None, None],
            group=torch.zeros(n_tokens, dtype=torch.int64),
            rank=ranks,
            width=n_tokens,
            is_full=True,
            slots=ranks,
            last_layer=config.num_hidden_layers - 1,
        )
        with pytest.raises(CacheFilled), reading(config, step):
            planner.model(input_ids=tokens, position_ids=ranks[None], use_cache=False)
        assert cache.last_layer == config.num_hidden_layers - 1  # every layer took part
        assert config._attn_implementation == setting
        after = planner.model(input_ids=tokens).logits
    assert torch.equal(before, after)
    assert all(
        torch.equal(value, state[name]) for name, value in planner.model.state_dict().items()
    )
