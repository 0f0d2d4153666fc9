"""Attention of tokens of many rows read as one sequence: to the prompt of their row, to their path.

Many nodes of the tree stand after one prompt, and on few paths. So each prompt's keys meet all
tokens of its row in one product, and a node meets the keys of its own path alone, token by token:
nothing is computed that a mask would throw away. Which row a token belongs to is told here and
nowhere else, so the model reads the tokens of many rows as one long sequence without padding.

Of most tokens nobody wants more than that others see them. Their reading ends where the last layer
has their keys and values: what that layer would make of them is never computed.

The model calls this through the attention interface of transformers. Two things are not in it, and
a test holds them to the version that is pinned:

- Which attention a model uses is a private setting of its configuration, swapped for one pass. The
  public ``set_attn_implementation`` goes through all sub-modules and checks what each supports: not
  for something that changes with every pass, and goes back for whoever asks the model plainly.
- Reading is ended by an exception. A hook cannot leave out what follows in a layer, and a copy of
  the model's loop over its layers would be another one for every architecture. Nothing is left
  behind: a forward pass without a cache of transformers changes nothing in the model.

Where either fails, :class:`inference.search.engine.PlanningEngine` notices by one plain pass, and
rows are ranked by plain passes (:mod:`inference.search.plain_ranking`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers import AttentionInterface

from inference.search.key_value_cache import KeyValueCache

if TYPE_CHECKING:
    from transformers import PretrainedConfig

# Shapes: n tokens read at once, in R groups of up to Q, the tokens of a group being of one row;
# P slots of the prompts, H key-value heads, G query heads that share one, D head dimension.

NAME = "interest_explorer_rows"
MASKED = -1e30
"""Added to the scores of what is not seen: less than any score, more than what overflows in float32
(-3.4e38); minus infinity would make a group that sees nothing of a part not a number."""


@dataclass(frozen=True)
class Step:
    """Tokens that are read at once, those of a row together, and what they see.

    Attributes:
        cache: keys and values of the batch.
        rows: the row in ``cache`` of each group, int64 [R], or a run of rows for prompts.
        mask: :data:`MASKED` at slots of the prompt that tokens do not see, else 0: float32
            [R, 1, Q, P], or [R, 1, 1, P] where all tokens of a group see the same.
        group: of each token, int64 [n].
        rank: of each token among those of its group, int64 [n].
        width: Q.
        is_full: whether every group has Q tokens, none of them repeated.
        slots: where the tokens' own keys and values go: of a prompt's tokens the slot of each in
            its row's prompt, int64 [n]; of nodes a run of slots among those of all rows.
        kept: the nodes that go there; no other is on the path to anything, int64.
        ancestors: for nodes, and each step up the tree: the tokens that have a node so far above
            them, and that node's slot.
        last_layer: where reading ends, as soon as it has the tokens' keys and values; ``None`` to
            read on to the outputs.
    """

    cache: KeyValueCache
    rows: Tensor | slice
    mask: Tensor
    group: Tensor
    rank: Tensor
    width: int
    is_full: bool
    slots: Tensor | slice
    kept: Tensor | None = None
    ancestors: Sequence[tuple[Tensor, Tensor]] = ()
    last_layer: int | None = None

    @cached_property
    def missing(self) -> Tensor:
        """:data:`MASKED` where a token has no node so far above it, [n, 1, 1, 1 + steps up]."""
        missing = self.mask.new_full((len(self.group), 1 + len(self.ancestors)), MASKED)
        missing[:, 0] = 0
        for at, (tokens, _) in enumerate(self.ancestors, start=1):
            missing[tokens, at] = 0
        return missing[:, None, None]

    @cached_property
    def token_at(self) -> Tensor:
        """The token at each rank of each group, any one where there is none, int64 [R * Q]."""
        token_at = self.group.new_zeros(len(self.mask) * self.width)
        token_at[self.group * self.width + self.rank] = torch.arange(
            len(self.group), device=self.group.device
        )
        return token_at

    def of_rows(self, prompts: Tensor) -> Tensor:
        """Return what ``prompts`` [B, ...] has of the groups' rows, [R, ...]."""
        if isinstance(self.rows, slice):
            return prompts[self.rows]
        return prompts.index_select(0, self.rows)

    def pad(self, states: Tensor) -> Tensor:
        """Return [n, H, G, D] as [R, H, Q * G, D], with whatever where a group has fewer tokens."""
        if not self.is_full:
            states = states.index_select(0, self.token_at)
        padded: Tensor = states.unflatten(0, (-1, self.width))
        return padded.transpose(1, 2).flatten(2, 3)

    def unpad(self, padded_groups: Tensor, n_shared: int) -> Tensor:
        """Return [R, H, Q * G, X] as [n, H, G, X]: the opposite of :meth:`pad`."""
        n_groups, n_heads, _, size = padded_groups.shape
        padded = padded_groups.view(n_groups, n_heads, self.width, n_shared, size).transpose(1, 2)
        padded = padded.reshape(-1, n_heads, n_shared, size)
        if self.is_full:
            return padded
        return padded.index_select(0, self.group * self.width + self.rank)


class CacheFilled(Exception):
    """The last layer has the keys and values of the tokens, and no more is wanted of them."""


_STEP: ContextVar[Step] = ContextVar("step")


@contextmanager
def reading(config: PretrainedConfig, step: Step) -> Iterator[None]:
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

    Raises:
        CacheFilled: reading is to end here.
    """
    step = _STEP.get()
    scaling, cap = settings.get("scaling") or query.shape[-1] ** -0.5, settings.get("softcap")
    if cap is None:
        scaling /= math.log(2)  # scores are powers of two at once
    keys, values = key[0].transpose(0, 1), value[0].transpose(0, 1)  # [n, H, D]
    layer = step.cache.layer(module.layer_idx, keys, values)
    if step.kept is not None:
        layer.keys[step.slots] = keys.index_select(0, step.kept)
        layer.values[step.slots] = values.index_select(0, step.kept)
    else:
        step.of_rows(layer.prompt_keys)[step.group, :, step.slots] = keys
        step.of_rows(layer.prompt_values)[step.group, :, step.slots] = values
    if step.last_layer == module.layer_idx:
        raise CacheFilled
    n_tokens, n_heads, size = keys.shape
    queries = (query[0].transpose(0, 1) * scaling).reshape(n_tokens, n_heads, -1, size)
    n_shared = queries.shape[2]

    mask = step.mask
    if mask.shape[2] > 1:
        mask = mask.repeat_interleave(n_shared, dim=2)  # [R, 1, Q * G, P]
    products = step.pad(queries) @ step.of_rows(layer.prompt_keys).transpose(2, 3)
    scores = _powers(products, cap).add_(mask)  # [R, H, Q * G, P]
    highest = scores.amax(dim=3, keepdim=True)
    weights = scores.sub_(highest).exp2_()
    total = step.unpad(weights.sum(dim=3, keepdim=True), n_shared)  # [n, H, G, 1]
    highest = step.unpad(highest, n_shared)  # [n, H, G, 1]
    found = weights.to(query.dtype) @ step.of_rows(layer.prompt_values)  # [R, H, Q * G, D]
    found = step.unpad(found, n_shared)  # [n, H, G, D]
    if step.kept is None:
        return (found / total).to(query.dtype).reshape(1, n_tokens, -1, size), None

    products = queries.new_zeros(n_tokens, n_heads, n_shared, 1 + len(step.ancestors)).float()
    products[..., :1] = _products(queries, keys)
    for at, (tokens, slots) in enumerate(step.ancestors, start=1):
        keys_above = layer.keys.index_select(0, slots)
        products[..., at : at + 1].index_copy_(
            0, tokens, _products(queries.index_select(0, tokens), keys_above)
        )
    scores = _powers(products, cap).add_(step.missing)  # [n, H, G, 1 + steps up]
    top = torch.maximum(highest, scores.amax(dim=3, keepdim=True))
    rescale = highest.sub_(top).exp2_()
    weights = scores.sub_(top).exp2_()
    total = total.mul_(rescale).add_(weights[..., :1])
    found = found.mul_(rescale).add_(weights[..., :1] * values[:, :, None])
    for at, (tokens, slots) in enumerate(step.ancestors, start=1):
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
