"""Unconstrained greedy decoding in batches: what the planner writes when nothing holds it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from training.planner.base.model_io import Planner

# Shapes: B prompts in a batch, P tokens of the longest of them, T tokens so far, V vocabulary.


def write_greedily(
    planner: Planner,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    batch_size: int = 256,
) -> list[str]:
    """Return what the planner writes after each prompt, any token allowed at every step.

    Args:
        planner: the model and its tokenizer.
        prompts: token ids of each prompt, see :meth:`Planner.encode_prompt`.
        max_new_tokens: room for a completion, its end token included.
        batch_size: prompts decoded together; those of like length share a batch.

    Returns:
        One text per prompt. A completion that has not ended within its room is no answer and
        gives the empty text.
    """
    order = sorted(range(len(prompts)), key=lambda index: (len(prompts[index]), index))
    texts = [""] * len(prompts)
    for start in range(0, len(order), batch_size):
        chosen = order[start : start + batch_size]
        with torch.no_grad():
            rows = _decode_batch(planner, [prompts[index] for index in chosen], max_new_tokens)
        for index, row in zip(chosen, rows, strict=True):
            if planner.end_token_id in row:
                texts[index] = planner.decode_completion(row[: row.index(planner.end_token_id)])
    return texts


def _decode_batch(
    planner: Planner, prompts: list[Sequence[int]], max_new_tokens: int
) -> list[list[int]]:
    tokens, mask = pad_left(prompts, planner.pad_token_id)  # [B, P], [B, P]
    tokens, mask = tokens.to(planner.device), mask.to(planner.device)
    positions = (mask.cumsum(1) - 1).clamp(min=0)  # [B, P]
    ended = torch.zeros(len(prompts), dtype=torch.bool, device=planner.device)  # [B]
    written: list[Tensor] = []  # each [B]
    cache = None
    for _ in range(max_new_tokens):
        output = planner.model(
            input_ids=tokens,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        cache = output.past_key_values
        best = output.logits[:, -1].argmax(dim=-1)  # [B, V] -> [B]
        written.append(best.masked_fill(ended, planner.pad_token_id))
        ended |= best == planner.end_token_id
        if bool(ended.all()):
            break
        tokens = best[:, None]  # [B, 1]
        positions = positions[:, -1:] + 1  # [B, 1]
        mask = torch.cat([mask, mask.new_ones(len(prompts), 1)], dim=1)  # [B, T + 1]
    rows: list[list[int]] = torch.stack(written, dim=1).tolist()  # [B, T]
    return rows


def pad_left(rows: Sequence[Sequence[int]], pad_token_id: int) -> tuple[Tensor, Tensor]:
    """Return (tokens, mask) as int64 [rows, longest]; the mask is 0 on padding."""
    longest = max(len(row) for row in rows)
    tokens = torch.full((len(rows), longest), pad_token_id, dtype=torch.int64)
    mask = torch.zeros_like(tokens)
    for index, row in enumerate(rows):
        tokens[index, longest - len(row) :] = torch.tensor(row, dtype=torch.int64)
        mask[index, longest - len(row) :] = 1
    return tokens, mask
