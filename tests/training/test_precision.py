"""Products are of the type that is asked for, and narrow products move a loss by little."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from training.config import Precision
from training.precision import mixed_precision, products_of
from training.recommender.fitting.precision import forward_precision

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("asked", "dtype"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)]
)
def test_precision_is_what_is_asked_for(asked: Precision, dtype: torch.dtype) -> None:
    assert products_of(asked, CPU) == dtype


def test_by_itself_it_is_what_the_processor_multiplies() -> None:
    known = torch.cpu.get_capabilities()
    has_it = any(value for name, value in known.items() if name.endswith("bf16"))
    assert (products_of("auto", CPU) == torch.bfloat16) == has_it


def test_the_blocks_of_a_recommender_stay_exact_on_a_processor() -> None:
    with forward_precision(torch.bfloat16, CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32


def test_narrow_products_and_attention_are_near_exact_ones_and_weights_stay_exact() -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(64, 64, generator=generator, requires_grad=True)
    inputs = torch.randn(2, 4, 16, 64, generator=generator)  # [B, H, S, E]
    found: list[tuple[torch.Tensor, torch.Tensor]] = []
    for products in (torch.float32, torch.bfloat16):
        with mixed_precision(products, CPU):
            hidden = inputs @ weight / 8
            mixed = functional.scaled_dot_product_attention(hidden, hidden, hidden, is_causal=True)
        assert mixed.dtype == products
        loss = mixed.float().square().mean()
        weight.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        assert weight.grad is not None
        found.append((loss.detach(), weight.grad.clone()))
    (exact, gradient), (narrow, narrow_gradient) = found
    assert gradient.dtype == narrow_gradient.dtype == torch.float32
    # 8 bits of mantissa: each factor is off by at most 2 ** -9 of itself, a few of them multiplied
    torch.testing.assert_close(narrow, exact, rtol=0.02, atol=0)
    distance = (narrow_gradient - gradient).norm() / gradient.norm()
    assert 0 < distance < 0.03
