"""Losses of next-item prediction: pure functions of vectors and targets.

Shapes: N positions with a target, D dimension, I items, M drawn negatives.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

CELLS_AT_ONCE = 1_000_000
"""Logits held at one time: 4 MB, within a processor's shared cache."""


def full_softmax_loss(
    states: Tensor,
    item_vectors: Tensor,
    targets: Tensor,
    temperature: float,
    products: torch.dtype = torch.float32,
) -> Tensor:
    r"""Return the mean cross-entropy of the next item among all items.

    .. math:: -\frac{1}{N} \sum_n \log
              \frac{\exp(s_n \cdot v_{t_n} / \tau)}{\sum_i \exp(s_n \cdot v_i / \tau)}

    The softmax over the whole catalogue is what lets a plain causal transformer surpass later
    models: Klenitskiy and Vasilev, "Turning Dross Into Gold Loss: is BERT4Rec really better
    than SASRec?", RecSys 2023 (arXiv 2309.07602). Unit vectors under a temperature: Wu et al.,
    "On the Effectiveness of Sampled Softmax Loss for Item Recommendation" (arXiv 2201.02327).

    Args:
        states: unit vectors of real positions only, ``[N, D]``.
        item_vectors: unit vectors of all items, ``[I, D]``.
        targets: place of the item that followed, int64 ``[N]``.
        temperature: divides the cosines.
        products: type of what is multiplied, here and in the gradients: bfloat16 takes half the
            time where the processor has it, and moves gradients by less than a hundredth.
            Everything else is computed in the type of the vectors.

    Returns:
        A scalar in nats.

    >>> one_hot = torch.eye(2)
    >>> loss = full_softmax_loss(one_hot, one_hot, torch.tensor([0, 1]), temperature=1.0)
    >>> round(loss.item(), 4)  # log(1 + exp(-1))
    0.3133
    """
    loss: Tensor = _FullSoftmax.apply(states, item_vectors, targets, temperature, products)  # []
    return loss


class _FullSoftmax(torch.autograd.Function):  # type: ignore[misc]
    """Loss and gradients in one pass over a few positions at a time.

    The logits of a whole batch against a whole catalogue would fill gigabytes and, long before
    that, fall out of the processor's cache: in pieces it is twice as fast at 3,200 items.
    """

    @staticmethod
    def forward(
        context: Any,
        states: Tensor,
        item_vectors: Tensor,
        targets: Tensor,
        temperature: float,
        products: torch.dtype,
    ) -> Tensor:
        exact = states.dtype
        products = exact if products == torch.float32 else products
        n = len(states)
        rows_at_once = max(1, CELLS_AT_ONCE // len(item_vectors))
        total = states.new_zeros(())  # []
        scaled = (states / temperature).to(products)  # [N, D]
        items = item_vectors.to(products)  # [I, D]
        state_gradients = torch.empty_like(states)  # [N, D]
        item_gradients = torch.zeros_like(item_vectors)  # [I, D]
        for start in range(0, n, rows_at_once):
            rows = slice(start, start + rows_at_once)
            logits = (scaled[rows] @ items.T).to(exact)  # [R, I], R rows at once
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
        state_gradients, item_gradients = context.saved_tensors
        return gradient * state_gradients, gradient * item_gradients, None, None, None


def _add_product(sums: Tensor, left: Tensor, right: Tensor) -> None:
    """Add ``left @ right`` to ``sums``, whose type may be wider than theirs."""
    if sums.dtype == left.dtype:
        sums.addmm_(left, right)
    else:
        sums += left @ right


def sampled_softmax_loss(
    states: Tensor, item_vectors: Tensor, targets: Tensor, negatives: Tensor, temperature: float
) -> Tensor:
    r"""Return the mean cross-entropy of the next item against uniformly drawn items.

    .. math:: -\frac{1}{N} \sum_n \log \frac{e^{s_n \cdot v_{t_n} / \tau}}
              {e^{s_n \cdot v_{t_n} / \tau}
               + \frac{I - 1}{M_n} \sum_{m: j_m \neq t_n} e^{s_n \cdot v_{j_m} / \tau}}

    with :math:`M_n` the negatives left once those equal to the target are passed over. The
    factor makes the sum an unbiased estimate of the one over all other items: Jean et al.,
    "On Using Very Large Target Vocabulary for Neural Machine Translation" (arXiv 1412.2007).

    Args:
        states: unit vectors of real positions only, ``[N, D]``.
        item_vectors: unit vectors of all items, ``[I, D]``.
        targets: place of the item that followed, int64 ``[N]``.
        negatives: places drawn uniformly from all items, shared by the batch, int64 ``[M]``.
        temperature: divides the cosines.

    Returns:
        A scalar in nats; with every item drawn once it equals :func:`full_softmax_loss`.
    """
    scaled = states / temperature  # [N, D]
    positive = (scaled * item_vectors[targets]).sum(dim=-1, keepdim=True)  # [N, 1]
    logits = scaled @ item_vectors[negatives].T  # [N, M]
    is_target = negatives == targets[:, None]  # [N, M]
    n_left = (~is_target).sum(dim=1, keepdim=True).clamp(min=1)  # [N, 1]
    correction = math.log(len(item_vectors) - 1) - n_left.log()  # [N, 1]
    logits = (logits + correction).masked_fill(is_target, -torch.inf)  # [N, M]
    everything = torch.cat([positive, logits], dim=1)  # [N, 1 + M]
    return (torch.logsumexp(everything, dim=1) - positive.squeeze(1)).mean()  # []
