"""Where a training of the recommender uses the narrower type of number."""

from __future__ import annotations

import torch


def forward_precision(products: torch.dtype, device: torch.device) -> torch.autocast:
    """Return the context of a forward pass: mixed precision on a GPU, float32 on a processor.

    On a processor the blocks' products are small; only those with items are worth narrowing.
    """
    is_mixed = device.type == "cuda" and products == torch.bfloat16
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=is_mixed)
