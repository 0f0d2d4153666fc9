"""The prompts of a batch as tokens, cut into a beginning that many share and a rest of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from expectations.contracts.values import ClusterPair
from training.planner.base.model_io import Planner

# Shapes: B prompts, W tokens of the longest, F distinct beginnings, P tokens of the longest
# beginning, S of the longest rest.


@dataclass(frozen=True)
class SharedPrompts:
    """Prompts whose beginnings are stored once; both parts are padded on the right.

    Attributes:
        heads: tokens of the beginnings, int64 [F, P].
        head_lengths: tokens of each beginning, int64 [F].
        head_of: beginning of each prompt, int64 [B].
        tails: tokens of the rests, at least one each, int64 [B, S].
        lengths: tokens of each whole prompt, int64 [B].
    """

    heads: Tensor
    head_lengths: Tensor
    head_of: Tensor
    tails: Tensor
    lengths: Tensor

    def part(self, rows: Tensor) -> SharedPrompts:
        """Return the prompts of these rows, with all beginnings."""
        return replace(
            self,
            head_of=self.head_of[rows],
            tails=self.tails[rows],
            lengths=self.lengths[rows],
        )

    def to(self, device: torch.device) -> SharedPrompts:
        """Return the prompts on that device."""
        return SharedPrompts(
            self.heads.to(device),
            self.head_lengths.to(device),
            self.head_of.to(device),
            self.tails.to(device),
            self.lengths.to(device),
        )


def share_prompts(
    planner: Planner, descriptions: Sequence[str], contexts: Sequence[ClusterPair]
) -> SharedPrompts:
    """Return the prompts of these contexts.

    Contexts that differ in their last member only share what their prompts have in common, by
    token: whatever a tokenizer does where a description begins, the whole prompt is unchanged.
    """
    prompts = planner.encode_prompts(
        [[descriptions[member] for member in pair.members] for pair in contexts]
    )
    lengths = np.array([len(prompt) for prompt in prompts])  # [B]
    tokens = np.full((len(prompts), lengths.max()), planner.pad_token_id)  # [B, W]
    tokens[np.arange(tokens.shape[1]) < lengths[:, None]] = np.concatenate(prompts)
    groups: dict[tuple[int, ...], int] = {}
    head_of = np.array([groups.setdefault(pair.members[:-1], len(groups)) for pair in contexts])
    shared = np.array(
        [_common(tokens[head_of == g], lengths[head_of == g]) for g in groups.values()]
    )
    first = np.unique(head_of, return_index=True)[1]  # [F]: a prompt that has each beginning
    heads = _cut(tokens[first], np.zeros_like(shared), shared)
    tails = _cut(tokens, shared[head_of], lengths)
    return SharedPrompts(*map(torch.from_numpy, (heads, shared, head_of, tails, lengths)))


def _common(tokens: NDArray[np.int64], lengths: NDArray[np.int64]) -> int:
    """Return how many first tokens all rows share, leaving each one token at least."""
    agree = (tokens == tokens[0]).all(axis=0)  # [W]
    reach = len(agree) if agree.all() else int(agree.argmin())
    return min(reach, int(lengths.min()) - 1)


def _cut(
    tokens: NDArray[np.int64], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return tokens ``starts .. ends`` of each row, then whatever, as wide as the longest."""
    places = starts[:, None] + np.arange(int((ends - starts).max()))  # [rows, width]
    return np.take_along_axis(tokens, np.minimum(places, tokens.shape[1] - 1), axis=1)
