"""Losses against torch's own cross-entropy, figures worked by hand, and numerical gradients."""

from __future__ import annotations

import doctest

import pytest
import torch
from torch.nn import functional

from training.recommender.fitting import losses, optimizers, shared_softmax
from training.recommender.fitting.losses import (
    SampledCandidates,
    full_softmax_loss,
    gbce_loss,
    sampled_softmax_loss,
)


def unit_vectors(n: int, seed: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    drawn = torch.randn(n, 6, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return functional.normalize(drawn, dim=-1).requires_grad_()


def test_doctests_hold() -> None:
    assert doctest.testmod(losses).failed == 0
    assert doctest.testmod(optimizers).failed == 0


@pytest.mark.parametrize("cells_at_once", [1, 30, 10**6])
@pytest.mark.parametrize("temperature", [0.005, 0.06, 1.0])
def test_full_softmax_is_torchs_cross_entropy(
    cells_at_once: int, temperature: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Golden values: ``torch.nn.functional.cross_entropy`` in double precision."""
    monkeypatch.setattr(shared_softmax, "CELLS_AT_ONCE", cells_at_once)
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


def draw(
    n: int, n_items: int, n_negatives: int, seed: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """States, items, targets and negatives, some of these a position's own target, twice even."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(n_items, (n,), generator=generator)
    negatives = torch.randint(n_items, (n_negatives,), generator=generator)
    negatives[:3] = targets[[0, 0, n - 1]]
    return unit_vectors(n, seed + 1), unit_vectors(n_items, seed + 2), targets, negatives


def gather(
    items: torch.Tensor, targets: torch.Tensor, negatives: torch.Tensor, n_items: int
) -> SampledCandidates:
    """Candidates by their rows among the vectors of items."""
    return SampledCandidates(items[targets], items[negatives], targets, negatives, n_items)


def sampled_by_formula(
    states: torch.Tensor, items: torch.Tensor, targets: torch.Tensor, negatives: torch.Tensor
) -> torch.Tensor:
    """The docstring's formula, position by position, at temperature .1."""
    losses = []
    for state, target in zip(states, targets, strict=True):
        others = negatives[negatives != target]
        positive = (state @ items[target] / 0.1).exp()
        rest = (items[others] @ state / 0.1).exp().sum() * (len(items) - 1) / len(others)
        losses.append(-(positive / (positive + rest)).log())
    return torch.stack(losses).mean()


@pytest.mark.parametrize("cells_at_once", [1, 100, 10**6])
def test_sampled_softmax_and_its_gradients_are_the_formulas(
    cells_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_softmax, "CELLS_AT_ONCE", cells_at_once)
    states, items, targets, negatives = draw(9, 30, 12, seed=7)
    expected = sampled_by_formula(states, items, targets, negatives)
    wanted = torch.autograd.grad(expected, (states, items))
    found = sampled_softmax_loss(states, gather(items, targets, negatives, len(items)), 0.1)
    torch.testing.assert_close(found, expected)
    for gradient, right in zip(torch.autograd.grad(found, (states, items)), wanted, strict=True):
        torch.testing.assert_close(gradient, right)


def test_sampling_every_item_once_is_the_full_softmax() -> None:
    states, items, targets, _ = draw(5, 10, 10, seed=3)
    everything = torch.arange(10)
    sampled = sampled_softmax_loss(states, gather(items, targets, everything, 10), 0.1)
    torch.testing.assert_close(sampled, full_softmax_loss(states, items, targets, 0.1))


def test_sampled_sum_over_other_items_is_unbiased() -> None:
    """The mean estimate over 400 draws lies within four standard errors of the true sum."""
    states, items = unit_vectors(1, seed=5).detach(), unit_vectors(200, seed=6).detach()
    target = torch.tensor([7])
    generator = torch.Generator().manual_seed(0)
    estimates = []
    for _ in range(400):
        drawn = torch.randint(200, (50,), generator=generator)
        loss = sampled_softmax_loss(states, gather(items, target, drawn, 200), 0.5)
        estimates.append((loss.exp() - 1) * (states[0] @ items[7] / 0.5).exp())
    others = (states[0] @ items.T / 0.5).exp()
    truth = others.sum() - others[7]
    found = torch.stack(estimates)
    assert abs(found.mean() - truth) < 4 * found.std() / 400**0.5


def test_gbce_worked_by_hand() -> None:
    """One position, cosines 1 and 0 under temperature 1, one of four other items drawn.

    alpha = 1/4; t = 1/2 gives beta = 1/4 (1/2 (1 - 4) + 4) = 5/8. The loss is half of
    5/8 log(1 + e^-1) + log 2 = 5/8 * 0.3132617 + 0.6931472, that is 0.4444679.
    """
    state, items = torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    target, drawn = torch.tensor([0]), torch.tensor([1])
    loss = gbce_loss(state, gather(items, target, drawn, 5), 1.0, 0.5)
    assert loss.item() == pytest.approx(0.4444679, abs=1e-6)


def test_gbce_uncalibrated_is_torchs_binary_cross_entropy() -> None:
    states, items, targets, _ = draw(6, 20, 8, seed=9)
    drawn = torch.arange(20)[~torch.isin(torch.arange(20), targets)][:8]  # nobody's own target
    logits = torch.cat([(states * items[targets]).sum(1, keepdim=True), states @ items[drawn].T], 1)
    labels = torch.zeros_like(logits)
    labels[:, 0] = 1
    expected = functional.binary_cross_entropy_with_logits(logits / 0.2, labels)
    candidates = gather(items, targets, drawn, 20)
    torch.testing.assert_close(gbce_loss(states, candidates, 0.2, calibration=0.0), expected)
    assert (
        gbce_loss(states, candidates, 0.2, calibration=1.0) < expected
    )  # the positive counts for less


def test_gbce_passes_over_a_positions_own_target_and_has_torchs_gradients() -> None:
    states, items, targets, negatives = draw(6, 20, 8, seed=11)

    def loss(s: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return gbce_loss(s, gather(v, targets, negatives, 20), 0.3, 0.75)

    assert torch.autograd.gradcheck(loss, (states, items))
    one = slice(0, 1)  # its own target stands twice among the negatives
    others = negatives[negatives != targets[0]]
    whole = gbce_loss(states[one], gather(items, targets[one], negatives, 20), 0.3, 0.0)
    part = gbce_loss(states[one], gather(items, targets[one], others, 20), 0.3, 0.0)
    torch.testing.assert_close(whole, part)


@pytest.mark.parametrize(
    ("calibration", "learned"), [(1.0, [0.6, 0.3, 0.1]), (0.0, [0.789, 0.517, 0.217])]
)
def test_full_calibration_learns_true_chances(calibration: float, learned: list[float]) -> None:
    """Three of eleven items follow with chances .6, .3 and .1; four of ten others are drawn.

    Every draw is summed over: each of the others stands in four of ten. The least loss lies at
    p beta / (p beta + (1 - p) alpha) with alpha = .4: beta = .4 at t = 1 gives the chances
    themselves (the paper's theorem), beta = 1 at t = 0 gives .6 / (.6 + .4 * .4) = .789 and so on.
    """
    scores = torch.zeros(11, 1, dtype=torch.float64, requires_grad=True)
    state = torch.ones(1, 1, dtype=torch.float64)
    optimizer = torch.optim.LBFGS([scores], max_iter=60)

    def measure() -> torch.Tensor:
        optimizer.zero_grad()
        total = torch.zeros((), dtype=torch.float64)
        for chance, item in ((0.6, 0), (0.3, 1), (0.1, 2)):
            others = torch.tensor([other for other in range(11) if other != item])
            for turn in range(10):
                drawn = others.roll(turn)[:4]
                target = torch.tensor([item])
                candidates = gather(scores, target, drawn, 11)
                total = total + chance * gbce_loss(state, candidates, 1.0, calibration)
        total.backward()
        return total

    optimizer.step(measure)
    assert scores.detach().sigmoid()[:3, 0].tolist() == pytest.approx(learned, abs=0.005)
