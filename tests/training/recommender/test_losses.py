"""Losses against torch's own cross-entropy, figures worked by hand, and numerical gradients."""

from __future__ import annotations

import doctest

import pytest
import torch
from torch.nn import functional

from training.recommender import fit, losses
from training.recommender.losses import full_softmax_loss, sampled_softmax_loss


def unit_vectors(n: int, seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    drawn = torch.randn(n, 6, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return functional.normalize(drawn, dim=-1).requires_grad_()


def test_doctests_hold() -> None:
    assert doctest.testmod(losses).failed == 0
    assert doctest.testmod(fit).failed == 0


@pytest.mark.parametrize("cells_at_once", [1, 30, 10**6])
@pytest.mark.parametrize("temperature", [0.005, 0.06, 1.0])
def test_full_softmax_is_torchs_cross_entropy(
    cells_at_once: int, temperature: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Golden values: ``torch.nn.functional.cross_entropy`` in double precision."""
    monkeypatch.setattr(losses, "CELLS_AT_ONCE", cells_at_once)
    targets = torch.tensor([0, 3, 9, 9, 1])
    states, items = unit_vectors(5, seed=1), unit_vectors(10, seed=2)
    expected = functional.cross_entropy(states @ items.T / temperature, targets)
    expected_gradients = torch.autograd.grad(expected, (states, items))

    loss = full_softmax_loss(states, items, targets, temperature)
    gradients = torch.autograd.grad(loss, (states, items))

    torch.testing.assert_close(loss, expected)
    for found, wanted in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(found, wanted)


def test_bfloat16_products_move_loss_and_gradients_by_less_than_a_hundredth() -> None:
    """A product of unit vectors has an error of some 2^-9 of the largest; the sums are float32."""
    states, items = unit_vectors(200, 1, torch.float32), unit_vectors(500, 2, torch.float32)
    targets = torch.arange(200)
    figures = []
    for products in (torch.float32, torch.bfloat16):
        loss = full_softmax_loss(states, items, targets, 0.1, products)
        figures.append((loss.detach(), *torch.autograd.grad(loss, (states, items))))
    for exact, rounded in zip(*figures, strict=True):
        assert rounded.dtype == torch.float32
        assert 0 < (exact - rounded).norm() < 0.01 * exact.norm()


def test_a_hopeless_target_gives_a_finite_loss() -> None:
    state, items = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    loss = full_softmax_loss(state, items, torch.tensor([1]), temperature=0.005)
    assert loss.item() == pytest.approx(400.0)  # 2 / 0.005, plus log(1 + exp(-400))


def test_sampling_every_item_once_is_the_full_softmax() -> None:
    targets = torch.tensor([0, 3, 9, 9, 1])
    states, items = unit_vectors(5, seed=3), unit_vectors(10, seed=4)
    sampled = sampled_softmax_loss(states, items, targets, torch.arange(10), 0.1)
    torch.testing.assert_close(sampled, full_softmax_loss(states, items, targets, 0.1))


def test_sampled_sum_over_other_items_is_unbiased() -> None:
    """The mean estimate over 400 draws lies within four standard errors of the true sum."""
    states, items = unit_vectors(1, seed=5).detach(), unit_vectors(200, seed=6).detach()
    target = torch.tensor([7])
    generator = torch.Generator().manual_seed(0)
    estimates = []
    for _ in range(400):
        drawn = torch.randint(200, (50,), generator=generator)
        loss = sampled_softmax_loss(states, items, target, drawn, 0.5)
        estimates.append((loss.exp() - 1) * (states[0] @ items[7] / 0.5).exp())
    others = (states[0] @ items.T / 0.5).exp()
    truth = others.sum() - others[7]
    found = torch.stack(estimates)
    assert abs(found.mean() - truth) < 4 * found.std() / 400**0.5
