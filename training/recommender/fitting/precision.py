"""Which type of number a training multiplies, by its settings and what the machine has."""

from __future__ import annotations

import torch

from training.recommender.config import RecommenderConfig

NATIVE_BFLOAT16 = "bf16"
"""Ends the names of processors' own instructions for it; without any, bfloat16 would be slower."""


def products_of(config: RecommenderConfig, device: torch.device) -> torch.dtype:
    """Return the type of products: float32 or bfloat16.

    ``auto`` gives the same answer on one machine, and may give another on another.
    """
    if config.precision == "auto":
        if device.type == "cuda":
            native = torch.cuda.is_bf16_supported()
        else:
            known = torch.cpu.get_capabilities()
            native = any(known[name] for name in known if name.endswith(NATIVE_BFLOAT16))
        return torch.bfloat16 if native else torch.float32
    return torch.bfloat16 if config.precision == "bfloat16" else torch.float32


def forward_precision(products: torch.dtype, device: torch.device) -> torch.autocast:
    """Return the context of a forward pass: mixed precision on a GPU, float32 on a processor.

    On a processor the blocks' products are small; only those with items are worth narrowing.
    """
    is_mixed = device.type == "cuda" and products == torch.bfloat16
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=is_mixed)
