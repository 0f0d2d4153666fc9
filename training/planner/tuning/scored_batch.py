"""One forward pass that gives a completion's likelihood and the score of every description.

Each row of the input is the prompt (padded on the left), the completion tree, and the completion
to learn. The attention mask lets a place of the tree see the prompt and its own way from the
root, and the completion the prompt and itself: so one prompt serves both losses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from training.planner.base.decode import pad_left
from training.planner.tuning.completion_tree import CompletionTree

# Shapes: B examples, P prompt tokens, M places in the tree (the root is the prompt's last token),
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
    model: Any,
    prompts: Sequence[Sequence[int]],
    completions: Sequence[Sequence[int]],
    tree: CompletionTree | None,
    pad_token_id: int,
) -> ScoredBatch:
    """Run the model once over prompts, tree and completions.

    Args:
        model: a causal language model that takes a 4-D attention mask.
        prompts: token ids of each prompt.
        completions: token ids of each completion, the end token last.
        tree: the completions of all clusters; ``None`` to leave the scores out.
        pad_token_id: fills rows; always masked.
    """
    device = model.device
    heads, head_mask = (part.to(device) for part in pad_left(prompts, pad_token_id))  # [B, P]
    tails, tail_mask = (part.to(device) for part in pad_right(completions, pad_token_id))
    n_inner = tree.n_places - 1 if tree else 0  # M - 1
    inner = tree.tokens[1:].to(device) if tree else heads.new_empty(0)  # [M - 1]
    tokens = torch.cat([heads, inner.expand(len(heads), -1), tails[:, :-1]], dim=1)  # [B, S]
    n_read = 1 + n_inner + tails.shape[1] - 1
    logits = model(
        input_ids=tokens,
        position_ids=_positions(head_mask, tail_mask, tree),
        attention_mask=_attention(head_mask, tail_mask, tree, model.dtype),
        use_cache=False,
        logits_to_keep=n_read,
    ).logits  # [B, n_read, V]
    logs = torch.log_softmax(logits.float(), dim=-1)
    own = torch.cat([logs[:, :1], logs[:, 1 + n_inner :]], dim=1)  # [B, C + 1, V]
    return ScoredBatch(
        token_log_probabilities=own.gather(2, tails[:, :, None]).squeeze(2),
        completion_logs=own,
        token_mask=tail_mask.float(),
        cluster_scores=tree.score(logs[:, : 1 + n_inner]) if tree else None,
    )


def pad_right(rows: Sequence[Sequence[int]], pad_token_id: int) -> tuple[Tensor, Tensor]:
    """Return (tokens, mask) as int64 [rows, longest]; the mask is 0 on padding."""
    longest = max(len(row) for row in rows)
    tokens = [[*row, *[pad_token_id] * (longest - len(row))] for row in rows]
    mask = [[1] * len(row) + [0] * (longest - len(row)) for row in rows]
    return torch.tensor(tokens), torch.tensor(mask)


def _positions(head_mask: Tensor, tail_mask: Tensor, tree: CompletionTree | None) -> Tensor:
    head = (head_mask.cumsum(1) - 1).clamp(min=0)  # [B, P]
    last = head[:, -1:]  # [B, 1]
    depths = tree.depths[1:].to(last.device) if tree else last.new_empty(0)  # [M - 1]
    steps = torch.arange(1, tail_mask.shape[1], device=last.device)  # [C]
    return torch.cat([head, last + depths, last + steps], dim=1)  # [B, S]


def _attention(
    head_mask: Tensor, tail_mask: Tensor, tree: CompletionTree | None, dtype: torch.dtype
) -> Tensor:
    """Return the additive mask [B, 1, S, S]: 0 where seen, the lowest number elsewhere."""
    n_head, n_tail = head_mask.shape[1], tail_mask.shape[1] - 1
    n_inner = tree.n_places - 1 if tree else 0
    size = n_head + n_inner + n_tail
    seen = torch.zeros(size, size, dtype=torch.bool, device=head_mask.device)  # [S, S]
    seen[:n_head, :n_head] = torch.ones_like(seen[:n_head, :n_head]).tril()
    seen[n_head:, :n_head] = True
    if tree:
        seen[n_head : n_head + n_inner, n_head : n_head + n_inner] = tree.sees[1:, 1:]
    seen[n_head + n_inner :, n_head + n_inner :] = seen.new_ones(n_tail, n_tail).tril()
    padding = torch.cat([head_mask == 0, seen.new_zeros(len(head_mask), n_inner + n_tail)], dim=1)
    visible = seen[None] & ~padding[:, None, :]  # [B, S, S]
    visible |= torch.eye(size, dtype=torch.bool, device=seen.device)  # padding sees itself: no NaN
    mask = torch.zeros(visible.shape, dtype=dtype, device=seen.device)
    return mask.masked_fill(~visible, torch.finfo(dtype).min)[:, None]
