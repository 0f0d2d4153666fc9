"""The prompts of a batch as tokens, cut into a prefix that many share and a suffix of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from expectations.contracts.values import ClusterContext
from training.planner.base.model_io import Planner

# Shapes: B prompts, W tokens of the longest, F distinct prefixes, P tokens of the longest
# prefix, S of the longest suffix.


@dataclass(frozen=True)
class SharedPrompts:
    """Prompts whose prefixes are stored once; both parts are padded on the right.

    Attributes:
        prefixes: their tokens, int64 [F, P].
        prefix_lengths: tokens of each prefix, int64 [F].
        prefix_of: prefix of each prompt, int64 [B].
        suffixes: tokens of the suffixes, at least one each, int64 [B, S].
        lengths: tokens of each whole prompt, int64 [B].
    """

    prefixes: Tensor
    prefix_lengths: Tensor
    prefix_of: Tensor
    suffixes: Tensor
    lengths: Tensor

    def part(self, rows: Tensor) -> SharedPrompts:
        """Return the prompts of these rows, with all prefixes."""
        return replace(
            self,
            prefix_of=self.prefix_of[rows],
            suffixes=self.suffixes[rows],
            lengths=self.lengths[rows],
        )

    def to(self, device: torch.device) -> SharedPrompts:
        """Return the prompts on that device."""
        return SharedPrompts(
            self.prefixes.to(device),
            self.prefix_lengths.to(device),
            self.prefix_of.to(device),
            self.suffixes.to(device),
            self.lengths.to(device),
        )


def share_prompts(
    planner: Planner, descriptions: Sequence[str], contexts: Sequence[ClusterContext]
) -> SharedPrompts:
    """Return the prompts of these contexts.

    Contexts that differ in their last member only share what their prompts have in common, by
    token: whatever a tokenizer does where a description begins, the whole prompt is unchanged.
    """
    prompts = planner.encode_prompts(
        [[descriptions[member] for member in context.members] for context in contexts]
    )
    lengths = np.array([len(prompt) for prompt in prompts])  # [B]
    tokens = np.full((len(prompts), lengths.max()), planner.pad_token_id)  # [B, W]
    tokens[np.arange(tokens.shape[1]) < lengths[:, None]] = np.concatenate(prompts)
    groups: dict[tuple[int, ...], int] = {}
    prefix_of = np.array(
        [groups.setdefault(context.members[:-1], len(groups)) for context in contexts]
    )
    shared = np.array(
        [_common(tokens[prefix_of == g], lengths[prefix_of == g]) for g in groups.values()]
    )
    first = np.unique(prefix_of, return_index=True)[1]  # [F]: a prompt that has each prefix
    prefixes = _cut(tokens[first], np.zeros_like(shared), shared)
    suffixes = _cut(tokens, shared[prefix_of], lengths)
    return SharedPrompts(*map(torch.from_numpy, (prefixes, shared, prefix_of, suffixes, lengths)))


def _common(tokens: NDArray[np.int64], lengths: NDArray[np.int64]) -> int:
    """Return how many first tokens all rows share, leaving each one token at least."""
    agree = (tokens == tokens[0]).all(axis=0)  # [W]
    reach = len(agree) if agree.all() else int(agree.argmin())
    return min(reach, int(lengths.min()) - 1)


def _cut(
    tokens: NDArray[np.int64], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return tokens ``starts .. ends`` of each row, then whatever, as wide as the longest."""
    columns = starts[:, None] + np.arange(int((ends - starts).max()))  # [rows, width]
    return np.take_along_axis(tokens, np.minimum(columns, tokens.shape[1] - 1), axis=1)
