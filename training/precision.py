"""Which type of number a training multiplies, by its settings and what the machine has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from training.config import Precision

NATIVE_BFLOAT16 = "bf16"
"""Ends the names of processors' own instructions for it; without any, bfloat16 would be slower."""


def products_of(precision: Precision, device: torch.device) -> torch.dtype:
    """Return the type of products: float32 or bfloat16.

    ``auto`` is bfloat16 where the device multiplies it: the same answer on one machine, perhaps
    another on another.
    """
    if precision == "auto":
        if device.type == "cuda":
            native = torch.cuda.is_bf16_supported()
        else:
            known = torch.cpu.get_capabilities()
            native = any(known[name] for name in known if name.endswith(NATIVE_BFLOAT16))
        return torch.bfloat16 if native else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


@contextmanager
def mixed_precision(products: torch.dtype, device: torch.device) -> Iterator[None]:
    """Multiply in ``products`` whatever autocast lets, weights and sums staying what they are.

    Attention is spelt out as products and a softmax on processors: torch's fused one takes three
    times as long backwards in bfloat16 as in float32 (2.13, AVX512-BF16), the products half.
    """
    if products != torch.bfloat16:
        yield
        return
    spelt_out = sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()
    with torch.autocast(device.type, torch.bfloat16), spelt_out:
        yield
