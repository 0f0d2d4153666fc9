"""The loss of one batch of windows under the configured loss function.

Shapes: B windows, S positions, N positions with a target, D dimension, I items, M drawn negatives,
R distinct items that take part.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from expectations.contracts.values import PADDING_INDEX
from training.recommender.config import RecommenderConfig
from training.recommender.data.layout import FIRST_ITEM
from training.recommender.fitting.losses import (
    SampledCandidates,
    full_softmax_loss,
    gbce_loss,
    sampled_softmax_loss,
)
from training.recommender.fitting.precision import forward_precision
from training.recommender.model.model import SequenceTransformer


@dataclass(frozen=True)
class SampledStep:
    """The negatives of one step, and the only rows of the items' embedding that it needs.

    Attributes:
        negatives: rows drawn uniformly, int64 ``[M]``.
        rows: embedding indices of all that takes part, ascending, each once, int64 ``[R]``.
        own_vectors: those rows as a leaf that takes their gradient, ``[R, D]``.
    """

    negatives: Tensor
    rows: Tensor
    own_vectors: Tensor


def draws_negatives(config: RecommenderConfig, n_items: int) -> bool:
    """Return whether the loss looks at drawn items instead of all."""
    if config.loss == "auto":
        return n_items > config.full_softmax_items
    return config.loss != "full"


def draw_items(
    model: SequenceTransformer, batch: Tensor, n_negatives: int, generator: torch.Generator
) -> SampledStep:
    """Return the negatives and rows of a step on a batch ``[B, S + 1]``.

    Args:
        model: whose items they are.
        batch: embedding indices of the whole step, in whatever process.
        n_negatives: M.
        generator: draws them; on the processor, whatever the device.
    """
    device = model.items.weight.device
    n_items = len(model.items.weight) - FIRST_ITEM
    negatives = torch.randint(n_items, (n_negatives,), generator=generator).to(device)  # [M]
    rows = torch.unique(torch.cat([batch.flatten().to(device), negatives + FIRST_ITEM]))  # [R]
    return SampledStep(negatives, rows, model.items.weight.detach()[rows].requires_grad_())


def batch_loss(
    model: SequenceTransformer,
    batch: Tensor,
    drawn: SampledStep | None,
    config: RecommenderConfig,
    products: torch.dtype,
    dropout: torch.Generator,
) -> tuple[Tensor, int]:
    """Return the mean loss over a batch's targets, and how many there are.

    Args:
        model: in training.
        batch: windows padded at the end, embedding indices, int64 ``[B, S + 1]``.
        drawn: where the loss looks at drawn items.
        config: the loss.
        products: type of the products with items.
        dropout: draws what is dropped.
    """
    inputs, following = batch[:, :-1], batch[:, 1:]  # [B, S] each
    is_real = following != PADDING_INDEX  # [B, S]
    indices = following[is_real]  # [N]
    targets = indices - FIRST_ITEM  # [N]
    n_items = len(model.items.weight) - FIRST_ITEM
    tau = config.temperature
    if drawn is None:
        with forward_precision(products, batch.device):
            states = model(inputs, dropout)[is_real].float()  # [N, D]
        vectors = model.item_vectors()  # [I, D]
        return full_softmax_loss(states, vectors, targets, tau, products), len(targets)
    vectors = drawn.own_vectors + model.cluster_vectors(drawn.rows)  # [R, D]
    inputs_at = torch.searchsorted(drawn.rows, inputs.contiguous())  # [B, S]
    with forward_precision(products, batch.device):
        hidden = model.forward_vectors(functional.embedding(inputs_at, vectors), dropout)
        states = hidden[is_real].float()  # [N, D]
    unit = functional.normalize(vectors, dim=-1)  # [R, D]
    positives = functional.embedding(torch.searchsorted(drawn.rows, indices), unit)  # [N, D]
    negative_rows = torch.searchsorted(drawn.rows, drawn.negatives + FIRST_ITEM)  # [M]
    negatives = functional.embedding(negative_rows, unit)  # [M, D]
    candidates = SampledCandidates(positives, negatives, targets, drawn.negatives, n_items)
    if config.loss == "gbce":
        return gbce_loss(states, candidates, tau, config.gbce_calibration), len(targets)
    return sampled_softmax_loss(states, candidates, tau, products), len(targets)
