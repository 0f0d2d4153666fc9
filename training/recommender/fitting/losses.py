"""Losses of next-item prediction: pure functions of vectors and targets.

Shapes: N positions with a target, D dimension, I items, M drawn negatives, P pairs of a position
and a negative that is its own target.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from training.recommender.fitting.shared_softmax import FullSoftmax, SampledSoftmax


@dataclass(frozen=True)
class SampledCandidates:
    """What followed each position, and items drawn uniformly from all that stand against it.

    Attributes:
        target_vectors: unit vector of the item that followed each position, ``[N, D]``.
        negative_vectors: unit vectors of the drawn items, shared by the batch, ``[M, D]``.
        targets: row of the item that followed, int64 ``[N]``.
        negatives: rows of the drawn items, int64 ``[M]``; those equal to a position's target
            are passed over there.
        n_items: items in the catalogue.
    """

    target_vectors: Tensor
    negative_vectors: Tensor
    targets: Tensor
    negatives: Tensor
    n_items: int


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
        targets: row of the item that followed, int64 ``[N]``.
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
    loss: Tensor = FullSoftmax.apply(states, item_vectors, targets, temperature, products)  # []
    return loss


def sampled_softmax_loss(
    states: Tensor,
    candidates: SampledCandidates,
    temperature: float,
    products: torch.dtype = torch.float32,
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
        candidates: of the same positions.
        temperature: divides the cosines.
        products: as for :func:`full_softmax_loss`.

    Returns:
        A scalar in nats; with every item drawn once it equals :func:`full_softmax_loss`.
    """
    own, n_left = _find_own_targets(candidates)  # [P] each, [N]
    n_others = candidates.n_items - 1
    corrections = math.log(n_others) - n_left.clamp(min=1).to(states.dtype).log()  # [N]
    loss: Tensor = SampledSoftmax.apply(
        states,
        candidates.target_vectors,
        candidates.negative_vectors,
        own,
        corrections,
        temperature,
        products,
    )  # []
    return loss


def gbce_loss(
    states: Tensor,
    candidates: SampledCandidates,
    temperature: float,
    calibration: float,
) -> Tensor:
    r"""Return the mean generalised binary cross-entropy against uniformly drawn items.

    .. math:: -\frac{1}{N} \sum_n \frac{1}{M_n + 1} \Big( \beta_n \log \sigma(s_n^+)
              + \sum_{m: j_m \neq t_n} \log(1 - \sigma(s_n \cdot v_{j_m} / \tau)) \Big), \quad
              \beta_n = \alpha_n \big(t (1 - \tfrac{1}{\alpha_n}) + \tfrac{1}{\alpha_n}\big)

    with :math:`\alpha_n = M_n / (I - 1)` the share of items drawn. Sampling makes a model too sure
    of what follows; the power on the positive's chance takes that back. Petrov and Macdonald,
    "gSASRec: Reducing Overconfidence in Sequential Recommendation Trained with Negative Sampling",
    RecSys 2023 (arXiv 2308.07192).

    Args:
        states: unit vectors of real positions only, ``[N, D]``.
        candidates: of the same positions.
        temperature: divides the cosines.
        calibration: the paper's t: 0 is plain binary cross-entropy, 1 learns true chances.

    Returns:
        A scalar in nats.
    """
    scaled = states / temperature  # [N, D]
    positive = (scaled * candidates.target_vectors).sum(dim=1)  # [N]
    logits = scaled @ candidates.negative_vectors.T  # [N, M]
    own, n_left = _find_own_targets(candidates)  # [P] each, [N]
    drawn = n_left.clamp(min=1).to(states.dtype) / (candidates.n_items - 1)  # [N]
    power = calibration * (drawn - 1) + 1  # [N], the formula multiplied out
    refused = functional.softplus(logits).index_put(own, logits.new_zeros(()))  # [N, M]
    losses = power * functional.softplus(-positive) + refused.sum(dim=1)  # [N]
    return (losses / (n_left + 1)).mean()  # []


def _find_own_targets(candidates: SampledCandidates) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Return where a negative is a position's own target, and how many it leaves each position.

    Returns:
        Positions and negatives, int64 ``[P]`` each, and the numbers, int64 ``[N]``.
    """
    targets, negatives = candidates.targets, candidates.negatives
    ascending, order = negatives.sort()  # [M] each
    first = torch.searchsorted(ascending, targets)  # [N]
    counts = torch.searchsorted(ascending, targets, right=True) - first  # [N]
    positions = torch.repeat_interleave(counts)  # [P]
    nth = torch.arange(len(positions), device=targets.device)
    nth = nth - (counts.cumsum(0) - counts)[positions]  # [P], which of a position's own it is
    n_left = len(negatives) - counts  # [N]
    return (positions, order[first[positions] + nth]), n_left
