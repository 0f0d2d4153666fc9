"""The softmax losses' arithmetic: loss and gradients in one pass over a few positions at a time.

The logits of a whole batch against a whole catalogue would fill gigabytes and, long before that,
fall out of the processor's cache. Shapes: N positions, R of them at once, D dimension, I items,
M drawn negatives, P pairs of a position and a negative that is its own target.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

CELLS_AT_ONCE = 1_000_000
"""Logits held at one time: 4 MB, within a processor's shared cache."""


class FullSoftmax(torch.autograd.Function):
    """Mean cross-entropy of the targets among all items."""

    @staticmethod
    def forward(
        context: Any,
        states: Tensor,
        item_vectors: Tensor,
        targets: Tensor,
        temperature: float,
        products: torch.dtype,
    ) -> Tensor:
        """See :func:`training.recommender.fitting.losses.full_softmax_loss`."""
        exact, products = _types(states, products)
        n = len(states)
        total = states.new_zeros(())  # []
        scaled = (states / temperature).to(products)  # [N, D]
        items = item_vectors.to(products)  # [I, D]
        state_gradients = torch.empty_like(states)  # [N, D]
        item_gradients = torch.zeros_like(item_vectors)  # [I, D]
        for rows in _pieces(n, len(item_vectors)):
            logits = (scaled[rows] @ items.T).to(exact)  # [R, I]
            wanted = targets[rows, None]  # [R, 1]
            chances = logits.softmax(dim=1)  # [R, I]
            # the log of the sum by way of the likeliest item, whose chance cannot underflow
            log_sums = logits.amax(dim=1, keepdim=True) - chances.amax(dim=1, keepdim=True).log()
            total += (log_sums - logits.gather(1, wanted)).sum()
            errors = chances.scatter_add_(1, wanted, -torch.ones_like(log_sums)).to(products)
            state_gradients[rows] = errors @ items  # [R, D]
            _add_product(item_gradients, errors.T, scaled[rows])  # [I, D]
        context.save_for_backward(state_gradients.div_(n * temperature), item_gradients.div_(n))
        return total / n

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        """Scale the gradients that the forward pass left."""
        state_gradients, item_gradients = context.saved_tensors
        return gradient * state_gradients, gradient * item_gradients, None, None, None


class SampledSoftmax(torch.autograd.Function):
    """Mean cross-entropy of the targets against negatives that the positions share."""

    @staticmethod
    def forward(
        context: Any,
        states: Tensor,
        target_vectors: Tensor,
        negative_vectors: Tensor,
        own: tuple[Tensor, Tensor],
        corrections: Tensor,
        temperature: float,
        products: torch.dtype,
    ) -> Tensor:
        """See :func:`training.recommender.fitting.losses.sampled_softmax_loss`.

        Args:
            context: of autograd.
            states: ``[N, D]``.
            target_vectors: ``[N, D]``.
            negative_vectors: ``[M, D]``.
            own: the pairs to pass over, position and negative, int64 ``[P]`` each.
            corrections: added to the logits of a position's negatives, ``[N]``.
            temperature: divides the cosines.
            products: type of what is multiplied.
        """
        exact, products = _types(states, products)
        n = len(states)
        total = states.new_zeros(())  # []
        scaled = states / temperature  # [N, D]
        narrow = scaled.to(products)  # [N, D]
        negatives = negative_vectors.to(products)  # [M, D]
        wanted = (scaled * target_vectors).sum(dim=1, keepdim=True)  # [N, 1]
        misses = torch.empty_like(wanted)  # [N, 1], how much of its chance each target lacks
        state_gradients = torch.empty_like(states)  # [N, D]
        negative_gradients = torch.zeros_like(negative_vectors)  # [M, D]
        for rows in _pieces(n, len(negative_vectors)):
            logits = (narrow[rows] @ negatives.T).to(exact).add_(corrections[rows, None])  # [R, M]
            within = (own[0] >= rows.start) & (own[0] < rows.stop)  # [P]
            logits[own[0][within] - rows.start, own[1][within]] = -torch.inf
            top = torch.maximum(logits.amax(dim=1, keepdim=True), wanted[rows])  # [R, 1]
            powers = logits.sub_(top).exp_()  # [R, M], chances but for their sum
            rest = powers.sum(dim=1, keepdim=True)  # [R, 1]
            everything = rest + (wanted[rows] - top).exp()  # [R, 1]
            total += (everything.log() + top - wanted[rows]).sum()
            misses[rows] = rest / everything
            powers = powers.to(products)  # [R, M]
            state_gradients[rows] = (powers @ negatives) / everything  # [R, D]
            _add_product(negative_gradients, powers.T, (scaled[rows] / everything).to(products))
        state_gradients -= misses * target_vectors  # [N, D]
        target_gradients = -misses * scaled / n  # [N, D]
        context.save_for_backward(
            state_gradients.div_(n * temperature), target_gradients, negative_gradients.div_(n)
        )
        return total / n

    @staticmethod
    def backward(
        context: Any, gradient: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, None, None, None, None]:
        """Scale the gradients that the forward pass left."""
        states, targets, negatives = context.saved_tensors
        return gradient * states, gradient * targets, gradient * negatives, None, None, None, None


def _types(states: Tensor, products: torch.dtype) -> tuple[torch.dtype, torch.dtype]:
    """Return the type of sums and that of products; double precision stays what it is."""
    return states.dtype, states.dtype if products == torch.float32 else products


def _pieces(n: int, width: int) -> list[slice]:
    rows_at_once = max(1, CELLS_AT_ONCE // width)
    return [slice(start, min(start + rows_at_once, n)) for start in range(0, n, rows_at_once)]


def _add_product(sums: Tensor, left: Tensor, right: Tensor) -> None:
    """Add ``left @ right`` to ``sums``, whose type may be wider than theirs."""
    if sums.dtype == left.dtype:
        sums.addmm_(left, right)
    else:
        sums += left @ right
