"""A small causal transformer over cluster ids: the planner's labels, the whole past, no text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from training.baselines.clusters.sequence_batches import MAX_LENGTH, SequenceBatches, pad_lists
from training.baselines.clusters.visit_transitions import VisitTransitions
from training.baselines.clusters.visits import Pasts

# Small, as befits a few thousand transitions; the one size that decides, the number of epochs, is
# tried on validation: evaluation.transformer_epochs. The others are chosen by hand. Nothing that is
# served hangs on them, but better ones would make a stronger rival.
DIMENSION = 64
HEADS = 2
LAYERS = 1
DROPOUT = 0.2
LEARNING_RATE = 4e-3
WEIGHT_DECAY = 0.05
EMA_DECAY = 0.99
"""Of the weights, from one step to the next: the mean of the last hundred steps or so."""
INITIAL_STD = 0.1
PASTS_AT_ONCE = 256
"""Bounds the memory of scoring; no score depends on it."""

# Shapes: B sequences, S positions, D dimension, N clusters, T transitions of a batch.


class ClusterTransformer(nn.Module):
    """Predicts the next novel cluster from those touched so far, in order of first contact.

    After SASRec (Kang and McAuley, 2018), with cross-entropy over the clusters that are still
    new to the user. A visit is its cluster, whether it was liked, and how many moments it came
    after the user's first. All visits so far speak for the next cluster, not the newest alone:
    their states are added up.
    """

    def __init__(self, n_clusters: int, popularity: Tensor) -> None:
        super().__init__()
        self.clusters = nn.Embedding(n_clusters + 1, DIMENSION)  # the last one is padding
        self.liked = nn.Embedding(2, DIMENSION)
        self.moments = nn.Embedding(MAX_LENGTH, DIMENSION)
        for table in (self.clusters, self.liked, self.moments):
            nn.init.normal_(table.weight, std=INITIAL_STD)
        layer = nn.TransformerEncoderLayer(
            DIMENSION, HEADS, 4 * DIMENSION, DROPOUT, "gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(
            layer, LAYERS, nn.LayerNorm(DIMENSION), enable_nested_tensor=False
        )
        self.drop = nn.Dropout(DROPOUT)
        self.targets = nn.Linear(DIMENSION, n_clusters, bias=False)
        self.bias = nn.Parameter(torch.log((popularity + 1) / (popularity + 1).sum()))

    def forward(self, clusters: Tensor, liked: Tensor, moments: Tensor) -> Tensor:
        """Return the score of every cluster after every visit, [B, S, N].

        Args:
            clusters: of the visits, oldest first, then padding, int64 [B, S].
            liked: 1 where the first contact was positive, int64 [B, S].
            moments: number of the visit's moment, below MAX_LENGTH, int64 [B, S].
        """
        x = self.clusters(clusters) + self.liked(liked) + self.moments(moments)  # [B, S, D]
        later = torch.ones(clusters.shape[1], clusters.shape[1], dtype=torch.bool).triu(1)
        x = self.encoder(self.drop(x), mask=later)  # padding stands last: nobody looks at it
        counts = torch.arange(1, x.shape[1] + 1)[:, None]  # [S, 1]
        scores: Tensor = self.targets(x.cumsum(1) / counts.sqrt()) + self.bias
        return scores


def train_path(
    transitions: VisitTransitions, epochs: Sequence[int], seed: int
) -> Iterator[ClusterTransformer]:
    """Train once and yield the model after each of these epochs; training then goes on in it.

    AdamW with a constant rate, so that the model after an epoch does not depend on how many
    more are to come; what is yielded is the moving average of its weights.

    Args:
        examples: transitions with what was touched before each.
        epochs: numbers of epochs, ascending.
        seed: of weights, dropout and order; the global generator is left as it was.
    """
    rng = np.random.default_rng(seed)
    popularity = np.bincount(transitions.targets, minlength=transitions.n_clusters)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = ClusterTransformer(transitions.n_clusters, torch.from_numpy(popularity).float())
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY
        )
        batches = SequenceBatches(transitions)
        averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(EMA_DECAY))
        for epoch in range(1, max(epochs) + 1):
            model.train()
            for inputs, rows, positions, touched, targets in batches.draw(rng):
                scores = model(*inputs)[rows, positions]  # [T, N]
                scores = scores.masked_fill(touched, -torch.inf)
                loss = functional.cross_entropy(scores, targets)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                averaged.update_parameters(model)
            if epoch in epochs:
                yield cast("ClusterTransformer", averaged.module.eval())


def score_pasts(model: ClusterTransformer, pasts: Pasts) -> NDArray[np.float64]:
    """Return the score of every cluster after these pasts, [B, N], before any is dropped.

    Who has touched nothing is scored by popularity.
    """
    n_clusters = len(model.bias)
    scores = np.tile(model.bias.detach().double().numpy(), (len(pasts), 1))  # [B, N]
    lengths = np.array([len(each) for each in pasts.clusters], dtype=np.int64)
    order = np.argsort(lengths, kind="stable")
    order = order[lengths[order] > 0]
    for start in range(0, len(order), PASTS_AT_ONCE):
        chosen = order[start : start + PASTS_AT_ONCE]
        kept = np.minimum(lengths[chosen], MAX_LENGTH)
        inputs = [
            torch.from_numpy(pad_lists([column[case][-MAX_LENGTH:] for case in chosen], filling))
            for column, filling in (
                (pasts.clusters, n_clusters),
                ([[int(flag) for flag in each] for each in pasts.liked_first], 0),
                ([_count_moments(each) for each in pasts.ages], 0),
            )
        ]
        with torch.no_grad():
            found = model(*inputs)[torch.arange(len(chosen)), torch.from_numpy(kept - 1)]  # [B, N]
        scores[chosen] = found.double().numpy()
    return scores


def _count_moments(ages: Sequence[int]) -> list[int]:
    """Return the moments, from 0 for the oldest one read, of ages that fall to 0 for the newest."""
    kept = ages[-MAX_LENGTH:]
    return [kept[0] - age for age in kept] if kept else []
