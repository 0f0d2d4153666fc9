"""Attention of tokens of many rows read as one sequence: to the prompt of their row, to their way.

Many places of the tree stand after one prompt, and on few ways. So each prompt's keys meet all
tokens of its row in one product, and a place meets the keys of its own way alone, token by token:
nothing is computed that a mask would throw away. Which row a token belongs to is told here and
nowhere else, so the model reads the tokens of many rows as one long sequence without padding.

The model calls this through the attention interface of transformers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface

from inference.planning.row_states import RowStates

# Shapes: n tokens read at once, in R groups of up to Q, the tokens of a group being of one row;
# P slots of the prompts, H key-value heads, G query heads that share one, D head dimension.

NAME = "interest_explorer_rows"
HIDDEN = -1e30
"""Added to the scores of what is not seen: less than any score, more than what overflows."""


@dataclass(frozen=True)
class Step:
    """Tokens that are read at once, those of a row together, and what they see.

    Attributes:
        states: keys and values of the batch.
        rows: the row in ``states`` of each group.
        hidden: :data:`HIDDEN` at slots of the prompt that tokens do not see, else 0: float32
            [R, 1, Q, P], or [R, 1, 1, P] where all tokens of a group see the same.
        group: of each token, int64 [n].
        rank: of each token among those of its group, int64 [n].
        width: Q.
        is_full: whether every group has Q tokens, none of them repeated.
        slots: where each token's own keys and values go, int64 [n]: in its row's prompt, if the
            tokens are a prompt's, or else among the places of all rows.
        above: for places, and each step up the tree: the tokens that have a place so far above
            them, and that place's slot; ``None`` for tokens of prompts.
    """

    states: RowStates
    rows: Tensor
    hidden: Tensor
    group: Tensor
    rank: Tensor
    width: int
    is_full: bool
    slots: Tensor
    above: Sequence[tuple[Tensor, Tensor]] | None

    @cached_property
    def missing(self) -> Tensor:
        """:data:`HIDDEN` where a token has no place so far above it, [n, 1, 1, 1 + steps up]."""
        above = self.above or ()
        missing = self.hidden.new_full((len(self.group), 1 + len(above)), HIDDEN)
        missing[:, 0] = 0
        for at, (tokens, _) in enumerate(above, start=1):
            missing[tokens, at] = 0
        return missing[:, None, None]

    def spread(self, states: Tensor) -> Tensor:
        """Return [n, H, G, D] as [R, H, Q * G, D], with zeros where a group has fewer tokens."""
        n_groups, shape = len(self.rows), states.shape[1:]
        if not self.is_full:
            padded = states.new_zeros(n_groups * self.width, *shape)
            states = padded.index_copy_(0, self.group * self.width + self.rank, states)
        padded = states.view(n_groups, self.width, *shape)
        return padded.transpose(1, 2).reshape(n_groups, shape[0], -1, shape[2])

    def gather(self, spread: Tensor, n_shared: int) -> Tensor:
        """Return [R, H, Q * G, X] as [n, H, G, X]: the opposite of :meth:`spread`."""
        n_groups, n_heads, _, size = spread.shape
        padded = spread.view(n_groups, n_heads, self.width, n_shared, size).transpose(1, 2)
        padded = padded.reshape(-1, n_heads, n_shared, size)
        if self.is_full:
            return padded
        return padded.index_select(0, self.group * self.width + self.rank)


_STEP: ContextVar[Step] = ContextVar("step")


@contextmanager
def reading(config: Any, step: Step) -> Iterator[None]:
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
    scaling, cap = settings.get("scaling") or query.shape[-1] ** -0.5, settings.get("softcap")
    if cap is None:
        scaling /= math.log(2)  # scores are powers of two at once
    keys, values = key[0].transpose(0, 1), value[0].transpose(0, 1)  # [n, H, D]
    layer = step.states.layer(module.layer_idx, keys, values)
    if step.above is None:
        rows = step.rows[step.group]
        layer.prompt_keys[rows, :, step.slots] = keys
        layer.prompt_values[rows, :, step.slots] = values
    else:
        layer.keys.index_copy_(0, step.slots, keys)
        layer.values.index_copy_(0, step.slots, values)
    n_tokens, n_heads, size = keys.shape
    queries = (query[0].transpose(0, 1) * scaling).reshape(n_tokens, n_heads, -1, size)
    n_shared = queries.shape[2]

    hidden = step.hidden
    if hidden.shape[2] > 1:
        hidden = hidden.repeat_interleave(n_shared, dim=2)  # [R, 1, Q * G, P]
    products = step.spread(queries) @ layer.prompt_keys.index_select(0, step.rows).transpose(2, 3)
    scores = _powers(products, cap).add_(hidden)  # [R, H, Q * G, P]
    highest = scores.amax(dim=3, keepdim=True)
    weights = scores.sub_(highest).exp2_()
    total = step.gather(weights.sum(dim=3, keepdim=True), n_shared)  # [n, H, G, 1]
    highest = step.gather(highest, n_shared)  # [n, H, G, 1]
    found = weights.to(query.dtype) @ layer.prompt_values.index_select(
        0, step.rows
    )  # [R, H, Q * G, D]
    found = step.gather(found, n_shared)  # [n, H, G, D]
    if step.above is None:
        return (found / total).to(query.dtype).reshape(1, n_tokens, -1, size), None

    products = queries.new_zeros(n_tokens, n_heads, n_shared, 1 + len(step.above)).float()
    products[..., :1] = _products(queries, keys)
    for at, (tokens, slots) in enumerate(step.above, start=1):
        above = layer.keys.index_select(0, slots)
        products[..., at : at + 1].index_copy_(
            0, tokens, _products(queries.index_select(0, tokens), above)
        )
    scores = _powers(products, cap).add_(step.missing)  # [n, H, G, 1 + steps up]
    top = torch.maximum(highest, scores.amax(dim=3, keepdim=True))
    rescale = highest.sub_(top).exp2_()
    weights = scores.sub_(top).exp2_()
    total = total.mul_(rescale).add_(weights[..., :1])
    found = found.mul_(rescale).add_(weights[..., :1] * values[:, :, None])
    for at, (tokens, slots) in enumerate(step.above, start=1):
        weight = weights[..., at : at + 1].index_select(0, tokens)
        seen = layer.values.index_select(0, slots)[:, :, None]
        total.index_add_(0, tokens, weight)
        found.index_add_(0, tokens, (weight * seen).to(found.dtype))
    return found.div_(total).to(query.dtype).reshape(1, n_tokens, -1, size), None


def _products(queries: Tensor, keys: Tensor) -> Tensor:
    """Return the products of queries [n, H, G, D] and keys [n, H, D], float32 [n, H, G, 1]."""
    return (queries * keys[:, :, None]).sum(dim=3, keepdim=True, dtype=torch.float32)


def _powers(scores: Tensor, cap: float | None) -> Tensor:
    """Return powers of two, float32, from scores that are such powers or have yet to be capped."""
    scores = scores.float()
    return scores if cap is None else (scores / cap).tanh_().mul_(cap / math.log(2))


AttentionInterface.register(NAME, attend)
