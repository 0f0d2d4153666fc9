"""What the last bits of a row's scores rest on: the processor at hand, and sometimes its batch.

No library promises bits. Another processor adds up in another order, and some take other routines
for what is read alone than for what is read in a batch. So it is measured: a *fingerprint* stands
for the processor, the threads and the versions that computed a row, and the engine finds out by a
few rows of its own whether they come out alike in any batch. A refresh trusts nothing else.
"""

from __future__ import annotations

import hashlib

import torch
import transformers
from torch import Tensor

BY_ROW, BY_BATCH = "row", "batch"
"""First words of what a row's bits rest on: on the row alone, or on its whole micro-batch."""

SHAPES = ((1, 64, 64), (8, 32, 48), (8, 48, 32), (64, 128, 320), (256, 320, 128), (2048, 128, 128))
"""Products (rows, inner, columns) as a planner's passes have them, from a probe to a full pass."""


def is_by_row(arithmetic: str) -> bool:
    """Return whether the row comes out alike in any batch, to the last bit."""
    return not arithmetic.startswith(BY_BATCH)


def name_arithmetic(device: torch.device, rests_on: str, *settings: object) -> str:
    """Return what stands for rows planned on this device, by this process as it is set up.

    Args:
        device: of the planner.
        rests_on: :data:`BY_ROW` or :data:`BY_BATCH`.
        settings: whatever else the bits rest on.
    """
    digest = hashlib.sha256(repr(settings).encode())
    digest.update(f"{torch.__version__} {transformers.__version__} {device.type} ".encode())
    digest.update(f"{torch.get_num_threads()}".encode())
    generator = torch.Generator().manual_seed(0)
    for rows, inner, columns in SHAPES:
        left = torch.randn(rows, inner, generator=generator).to(device)
        right = torch.randn(inner, columns, generator=generator).to(device)
        for found in _computed(left, right):
            digest.update(found.cpu().numpy().tobytes())
    return f"{rests_on} {digest.hexdigest()}"


def _computed(left: Tensor, right: Tensor) -> list[Tensor]:
    """Return what a planner's layers compute of a product: sums, roots, powers, waves."""
    product = left @ right
    scaled = product * torch.rsqrt(product.pow(2).mean(dim=1, keepdim=True) + 1e-6)
    return [
        product,
        scaled,
        torch.nn.functional.silu(scaled),
        torch.nn.functional.gelu(scaled, approximate="tanh"),
        scaled.exp2(),
        scaled.cos(),
        scaled.logsumexp(dim=1),
        scaled.double().exp().sum(dim=1),
    ]
