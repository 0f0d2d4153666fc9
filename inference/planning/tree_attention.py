"""Attention of places of the tree: to the prompt of their row and to the places on their own way.

Many places stand after one prompt, and on few ways. So each prompt's keys meet all places of its
row in one product, and a place meets the keys of its own way alone, token by token: nothing is
computed that a mask would throw away. Which row a token belongs to is told here and nowhere else,
so the model may read the tokens of many rows as one long sequence without padding.

The model calls this through the attention interface of transformers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface

# Shapes: n tokens read at once, R rows they belong to, Q tokens of the row that has most of them,
# P slots of the prompts, C slots of a row's places, H key-value heads, G query heads that share
# one, D head dimension.

NAME = "interest_explorer_places"


@dataclass(frozen=True)
class LayerStates:
    """What one layer keeps of a batch of rows.

    Attributes:
        prompt_keys: [rows, H, P, D].
        prompt_values: [rows, H, P, D].
        keys: of the places read, [rows * C, H, D].
        values: [rows * C, H, D].
    """

    prompt_keys: Tensor
    prompt_values: Tensor
    keys: Tensor
    values: Tensor


@dataclass(frozen=True)
class PlaceStep:
    """Tokens that are read at once, those of a row together, and what they see.

    Attributes:
        layers: states of every layer.
        rows: the rows in ``layers`` that the tokens belong to.
        hidden: minus infinity at slots of the prompt that are padding, else 0, [R, 1, 1, P].
        row: of each token among ``rows``, int64 [n].
        rank: of each token among those of its row, int64 [n].
        width: Q.
        slots: where each token's own keys and values go, int64 [n].
        above: for each step up the tree, the tokens that have a place so far above them, and
            that place's slot.
    """

    layers: Sequence[LayerStates]
    rows: slice
    hidden: Tensor
    row: Tensor
    rank: Tensor
    width: int
    slots: Tensor
    above: Sequence[tuple[Tensor, Tensor]]

    def spread(self, states: Tensor) -> Tensor:
        """Return [n, H, G, D] as [R, H, Q * G, D], with zeros where a row has fewer tokens."""
        n_rows, shape = len(self.hidden), states.shape[1:]
        if len(states) < n_rows * self.width:
            padded = states.new_zeros(n_rows * self.width, *shape)
            states = padded.index_copy_(0, self.row * self.width + self.rank, states)
        padded = states.view(n_rows, self.width, *shape)
        return padded.transpose(1, 2).reshape(n_rows, shape[0], -1, shape[2])

    def gather(self, spread: Tensor, n_shared: int) -> Tensor:
        """Return [R, H, Q * G, X] as [n, H, G, X]: the opposite of :meth:`spread`."""
        n_rows, n_heads, _, size = spread.shape
        padded = spread.view(n_rows, n_heads, self.width, n_shared, size).transpose(1, 2)
        padded = padded.reshape(-1, n_heads, n_shared, size)
        if len(self.row) == len(padded):
            return padded
        return padded.index_select(0, self.row * self.width + self.rank)


_STEP: ContextVar[PlaceStep] = ContextVar("step")


@contextmanager
def reading_places(config: Any, step: PlaceStep) -> Iterator[None]:
    """Let the model with this configuration read the tokens of ``step`` while it is open."""
    before = config._attn_implementation
    token = _STEP.set(step)
    config._attn_implementation = NAME
    try:
        yield
    finally:
        config._attn_implementation = before
        _STEP.reset(token)


def attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, _: object, **settings: Any
) -> tuple[Tensor, None]:
    """Return the attention's output [1, n, heads, D] for queries, keys and values [1, heads, n, D].

    The softmax goes over two parts, each with its own highest score, joined by their sums; powers
    are of two, which processors raise several times faster than those of e.
    """
    step = _STEP.get()
    states = step.layers[module.layer_idx]
    scaling, cap = settings.get("scaling") or query.shape[-1] ** -0.5, settings.get("softcap")
    own_keys, own_values = key[0].transpose(0, 1), value[0].transpose(0, 1)  # [n, H, D]
    states.keys.index_copy_(0, step.slots, own_keys)
    states.values.index_copy_(0, step.slots, own_values)
    n_tokens, n_heads, size = own_keys.shape
    queries = (query[0].transpose(0, 1) * scaling).reshape(n_tokens, n_heads, -1, size)
    n_shared = queries.shape[2]

    prompt_keys = states.prompt_keys[step.rows].transpose(2, 3)  # [R, H, D, P]
    scores = _powers(step.spread(queries) @ prompt_keys, cap) + step.hidden  # [R, H, Q * G, P]
    highest = scores.amax(dim=3, keepdim=True)
    weights = scores.sub_(highest).exp2_()
    total = weights.sum(dim=3, keepdim=True)
    found = weights.to(query.dtype) @ states.prompt_values[step.rows]  # [R, H, Q * G, D]
    found = step.gather(found, n_shared)  # [n, H, G, D]
    highest, total = step.gather(highest, n_shared), step.gather(total, n_shared)  # [n, H, G, 1]

    own = _powers(_products(queries, own_keys), cap)  # [n, H, G, 1]
    up = []
    for tokens, slots in step.above:
        keys = states.keys.index_select(0, slots)
        score = _powers(_products(queries.index_select(0, tokens), keys), cap)
        up.append((tokens, slots, score))
    top = torch.maximum(highest, own)
    for tokens, _slots, score in up:
        top.index_copy_(0, tokens, torch.maximum(top.index_select(0, tokens), score))
    rescale = highest.sub_(top).exp2_()
    weight = own.sub_(top).exp2_()
    total = total.mul_(rescale).add_(weight)
    found = found.mul_(rescale).addcmul_(weight, own_values[:, :, None])
    for tokens, slots, score in up:
        weight = score.sub_(top.index_select(0, tokens)).exp2_()
        values = states.values.index_select(0, slots)[:, :, None]
        total.index_add_(0, tokens, weight)
        found.index_add_(0, tokens, (weight * values).to(found.dtype))
    output = found.div_(total).to(query.dtype)
    return output.reshape(1, n_tokens, -1, size), None


def _products(queries: Tensor, keys: Tensor) -> Tensor:
    """Return the products of queries [n, H, G, D] and keys [n, H, D], float32 [n, H, G, 1]."""
    return (queries * keys[:, :, None]).sum(dim=3, keepdim=True, dtype=torch.float32)


def _powers(scores: Tensor, cap: float | None) -> Tensor:
    """Return the powers of two, float32, whose softmax is that of the scores, capped if so set."""
    scores = scores.float()
    if cap is not None:
        scores = (scores / cap).tanh_() * cap
    return scores * (1 / math.log(2))


AttentionInterface.register(NAME, attend)
