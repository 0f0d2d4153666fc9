"""Losses against numbers worked out by hand and against torch's own."""

from __future__ import annotations

import doctest

import torch
from torch.nn import functional

from training.planner import schedule
from training.planner.tuning import losses
from training.planner.tuning.losses import (
    collective_loss,
    completion_loss,
    distance_balanced_loss,
    listwise_loss,
    valid_continuation_loss,
)


def test_the_examples_in_the_documentation_hold() -> None:
    assert doctest.testmod(losses).failed == 0
    assert doctest.testmod(schedule).failed == 0


def test_completion_loss_is_torchs_cross_entropy_summed_over_each_completion() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 7, generator=generator)
    tokens = torch.randint(7, (3, 4), generator=generator)
    mask = torch.tensor([[1.0, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]])
    own = logits.log_softmax(-1).gather(2, tokens[:, :, None]).squeeze(2)
    reference = functional.cross_entropy(logits[mask.bool()], tokens[mask.bool()], reduction="sum")
    torch.testing.assert_close(completion_loss(own, mask), reference / 3)


def test_a_completion_is_what_stays_among_descriptions_and_the_choice_among_them() -> None:
    """log p(y) = log of the mass on what may follow + log of the chosen token's share of it."""
    logs = torch.randn(2, 2, 6, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    logs.requires_grad_()
    tokens = torch.tensor([[4, 1], [2, 0]])
    allowed = torch.tensor([[[4, 2, 0], [1, -1, -1]], [[4, 2, 0], [-1, -1, -1]]])
    mask = torch.tensor([[1.0, 1.0], [1.0, 0.0]])
    own = logs.gather(2, tokens[:, :, None]).squeeze(2)
    shares = logs[:, 0, [4, 2, 0]].log_softmax(-1)
    choice = -(shares[0, 0] + shares[1, 1]) / 2
    stayed = valid_continuation_loss(logs, allowed, mask)
    torch.testing.assert_close(completion_loss(own, mask), stayed + choice)
    stayed.backward()
    assert logs.grad is not None
    assert torch.isfinite(logs.grad).all()
    assert not logs.grad[1, 1].any()


def test_where_every_word_may_follow_nothing_is_to_be_learned() -> None:
    logs = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    allowed = torch.arange(5).expand(3, 4, 5)
    loss = valid_continuation_loss(logs, allowed, torch.ones(3, 4))
    torch.testing.assert_close(loss, torch.tensor(0.0), atol=1e-6, rtol=0)


def test_listwise_loss_over_every_cluster_is_torchs_cross_entropy() -> None:
    scores = torch.randn(5, 6, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([0, 1, 2, 3, 4])
    everyone = torch.ones(5, 1, 6, dtype=torch.bool)
    reference = functional.cross_entropy(scores, targets)
    torch.testing.assert_close(listwise_loss(scores, targets[:, None], everyone), reference)


def test_choices_that_share_a_prompt_weigh_as_much_as_prompts_of_their_own() -> None:
    scores = torch.randn(1, 6, generator=torch.Generator().manual_seed(0))
    free = torch.tensor([[[True] * 6, [True, True, True, False, False, False]]])
    targets = torch.tensor([[5, 1]])
    apart = listwise_loss(scores.expand(2, 6), targets.T, free.transpose(0, 1))
    torch.testing.assert_close(listwise_loss(scores, targets, free), apart)


def test_a_consumed_cluster_neither_counts_nor_gets_a_gradient() -> None:
    scores = torch.tensor([[1.0, 2.0, 50.0]], requires_grad=True)
    loss = listwise_loss(scores, torch.tensor([[0]]), torch.tensor([[[True, True, False]]]))
    loss.backward()
    torch.testing.assert_close(loss, torch.tensor(1.0).exp().log1p())
    assert scores.grad is not None
    assert scores.grad[0, 2] == 0


def test_listwise_weights_multiply_each_choices_own_loss() -> None:
    scores = torch.randn(1, 4)
    everyone = torch.ones(1, 2, 4, dtype=torch.bool)
    apart = [listwise_loss(scores, torch.tensor([[c]]), everyone[:, :1]) for c in (1, 3)]
    weighed = listwise_loss(
        scores, torch.tensor([[1, 3]]), everyone, torch.tensor([9.0, 0.5, 9.0, 2.0])
    )
    torch.testing.assert_close(weighed, (0.5 * apart[0] + 2 * apart[1]) / 2)


def test_a_divergence_is_that_of_distances_and_those_within_each() -> None:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(6, 9, generator=generator, requires_grad=True)
    expected = torch.rand(6, 9, generator=generator)
    expected[:, 0] = 0  # a context's own cluster
    expected[0, 6:] = 0  # nothing is expected far away
    expected = expected / expected.sum(dim=1, keepdim=True)
    distances = torch.tensor([[-1, 0, 0, 1, 1, 1, 2, 2, 2]]).expand(6, 9)
    plain = distance_balanced_loss(scores, expected, distances, 0.0)
    torch.testing.assert_close(plain, collective_loss(scores, expected))
    balanced = distance_balanced_loss(scores, expected, distances, 1.0)
    rows = [_alike(scores[row], expected[row]) for row in range(6)]
    torch.testing.assert_close(balanced, torch.stack(rows).mean())
    balanced.backward()
    assert scores.grad is not None
    assert torch.isfinite(scores.grad).all()
    assert not scores.grad[0, 6:].any()


def _alike(scores: torch.Tensor, expected: torch.Tensor) -> torch.Tensor:
    """The divergence of one row whose distances count alike, distance by distance."""
    known = [each for each in ([1, 2], [3, 4, 5], [6, 7, 8]) if expected[each].sum() > 0]
    of_all = scores[[cluster for each in known for cluster in each]].softmax(-1)
    written = torch.stack([part.sum() for part in of_all.split([len(each) for each in known])])
    wanted = torch.stack([expected[each].sum() for each in known])
    within = [
        functional.kl_div(
            scores[each].log_softmax(-1), expected[each] / expected[each].sum(), reduction="sum"
        )
        for each in known
    ]
    between = (wanted * (wanted / written).log()).sum()
    return between + torch.stack(within).mean()
