"""One forward pass that gives a completion's likelihood and the score of every description.

Each row of the input is the prompt (padded on the left), the completion tree, and the completion
to learn. The attention mask lets a node of the tree attend to the prompt and its own ancestors,
and the completion to the prompt and itself: so one prompt serves both losses.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from training.planner.base.decode import pad_left
from training.planner.tuning.completion_tree import CompletionTree
from training.planner.tuning.lower_layers import LowerLayers

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# Shapes: B examples, P prompt tokens, M nodes of the tree (the root is the prompt's last token),
# C completion tokens without the last, S = P + (M - 1) + C, V vocabulary, N clusters.


@dataclass(frozen=True)
class ScoredBatch:
    """What one forward pass says.

    Attributes:
        token_log_probabilities: of each completion's tokens, [B, C + 1].
        completion_logs: of every next token along each completion, [B, C + 1, V].
        token_mask: 1 on them, 0 on padding, [B, C + 1].
        cluster_scores: log-score of every description, [B, N]; ``None`` without a tree.
    """

    token_log_probabilities: Tensor
    completion_logs: Tensor
    token_mask: Tensor
    cluster_scores: Tensor | None


def score_batch(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[int]],
    tree: CompletionTree | None,
    pad_token_id: int,
    lower: LowerLayers | None = None,
) -> ScoredBatch:
    """Run the model once over prompts, tree and completions.

    Args:
        model: a causal language model that takes a 4-D attention mask.
        prompts: token ids of each prompt.
        completions: token ids of each completion, the end token last.
        tree: the completions of all clusters; ``None`` to leave the scores out.
        pad_token_id: fills rows; always masked.
        lower: keeps what layers without an adapter give, always for the same tree; ``None`` to run
            them all.
    """
    device = model.device
    before, prompt_mask = (part.to(device) for part in pad_left(prompts, pad_token_id))  # [B, P]
    after, completion_mask = (part.to(device) for part in pad_right(completions, pad_token_id))
    n_inner = tree.n_nodes - 1 if tree else 0  # M - 1
    inner = tree.tokens[1:].to(device) if tree else before.new_empty(0)  # [M - 1]
    tokens = torch.cat([before, inner.expand(len(before), -1), after[:, :-1]], dim=1)  # [B, S]
    n_read = 1 + n_inner + after.shape[1] - 1
    inputs = {
        "input_ids": tokens,
        "position_ids": _positions(prompt_mask, completion_mask, tree),
        "attention_mask": _attention(prompt_mask, completion_mask, tree, model.dtype),
    }
    kept: AbstractContextManager[None] = nullcontext()
    if lower:
        rows = [(tuple(row), tuple(own)) for row, own in zip(prompts, completions, strict=True)]
        kept = lower.given(rows, _is_token(prompt_mask, completion_mask, n_inner), inputs)
    with kept:
        logits = model(**inputs, use_cache=False, logits_to_keep=n_read).logits  # [B, n_read, V]
    logs = torch.log_softmax(logits.float(), dim=-1)
    own = torch.cat([logs[:, :1], logs[:, 1 + n_inner :]], dim=1)  # [B, C + 1, V]
    return ScoredBatch(
        token_log_probabilities=own.gather(2, after[:, :, None]).squeeze(2),
        completion_logs=own,
        token_mask=completion_mask.float(),
        cluster_scores=tree.score(logs[:, : 1 + n_inner]) if tree else None,
    )


def pad_right(rows: Sequence[Sequence[int]], pad_token_id: int) -> tuple[Tensor, Tensor]:
    """Return (tokens, mask) as int64 [rows, longest]; the mask is 0 on padding."""
    longest = max(len(row) for row in rows)
    tokens = [[*row, *[pad_token_id] * (longest - len(row))] for row in rows]
    mask = [[1] * len(row) + [0] * (longest - len(row)) for row in rows]
    return torch.tensor(tokens), torch.tensor(mask)


def _positions(prompt_mask: Tensor, completion_mask: Tensor, tree: CompletionTree | None) -> Tensor:
    prompt = (prompt_mask.cumsum(1) - 1).clamp(min=0)  # [B, P]
    last = prompt[:, -1:]  # [B, 1]
    depths = tree.depths[1:].to(last.device) if tree else last.new_empty(0)  # [M - 1]
    steps = torch.arange(1, completion_mask.shape[1], device=last.device)  # [C]
    return torch.cat([prompt, last + depths, last + steps], dim=1)  # [B, S]


def _is_token(prompt_mask: Tensor, completion_mask: Tensor, n_inner: int) -> Tensor:
    """Return what of the input is no padding, bool [B, S]; no completion's last token is in it."""
    inner = prompt_mask.new_ones(len(prompt_mask), n_inner)
    return torch.cat([prompt_mask, inner, completion_mask[:, 1:]], dim=1) > 0


def _attention(
    prompt_mask: Tensor, completion_mask: Tensor, tree: CompletionTree | None, dtype: torch.dtype
) -> Tensor:
    """Return the additive mask [B, 1, S, S]: 0 where attended to, the lowest number elsewhere."""
    n_prompt, n_after = prompt_mask.shape[1], completion_mask.shape[1] - 1
    n_inner = tree.n_nodes - 1 if tree else 0
    start, end = n_prompt, n_prompt + n_inner  # of the tree
    size = n_prompt + n_inner + n_after
    attends = torch.zeros(size, size, dtype=torch.bool, device=prompt_mask.device)  # [S, S]
    attends[:start, :start] = torch.ones_like(attends[:start, :start]).tril()
    attends[start:, :start] = True
    if tree:
        attends[start:end, start:end] = tree.attends[1:, 1:]
    attends[end:, end:] = attends.new_ones(n_after, n_after).tril()
    padding = torch.cat(
        [prompt_mask == 0, attends.new_zeros(len(prompt_mask), n_inner + n_after)], dim=1
    )
    is_attended = attends[None] & ~padding[:, None, :]  # [B, S, S]
    # A row of padding attends to itself: a softmax over nothing would be NaN.
    is_attended |= torch.eye(size, dtype=torch.bool, device=attends.device)
    mask = torch.zeros(is_attended.shape, dtype=dtype, device=attends.device)
    return mask.masked_fill(~is_attended, torch.finfo(dtype).min)[:, None]
