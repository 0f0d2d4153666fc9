"""Training: epochs over length buckets, a learning rate that decays, early stop, then a refit."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from expectations.contracts.errors import UserError
from expectations.contracts.values import PADDING_INDEX
from training.recommender.config import RecommenderConfig
from training.recommender.data import Sequences, count_batches, cut_windows, iterate_batches
from training.recommender.layout import FIRST_ITEM, ItemLayout
from training.recommender.losses import full_softmax_loss, sampled_softmax_loss
from training.recommender.model import SequenceTransformer, make_model
from training.recommender.precision import products_of
from training.recommender.recommender import SequenceRecommender
from training.recommender.validation import ValidationCases, measure_ndcg

FINAL_RATE_SHARE = 0.02
CLIPPED_NORM = 1.0

Phase = Literal["choose", "refit"]


@dataclass(frozen=True)
class EpochReport:
    """One epoch: mean loss in nats per target, and validation NDCG@10 where it was measured."""

    phase: Phase
    epoch: int
    train_loss: float
    validation_ndcg_at_10: float | None


Report = Callable[[EpochReport], None]


def choose_n_epochs(
    sequences: Sequences,
    cases: ValidationCases,
    layout: ItemLayout,
    config: RecommenderConfig,
    seed: int,
    report: Report,
) -> tuple[int, SequenceRecommender]:
    """Train until validation NDCG@10 stops rising; return the best epoch and its recommender.

    Args:
        sequences: what users liked before the validation window.
        cases: the validation window; without any, training runs to the last epoch.
        layout: items in the order of the model.
        config: model and training.
        seed: of weights, dropout, order and negatives.
        report: is told of every epoch.

    Raises:
        UserError: no user has liked two items.
    """
    trainer = _Trainer(sequences, layout, config, seed)
    best_epoch, best_ndcg, best_weights = 0, -math.inf, trainer.model.state_dict()
    with _progress("recommender, choosing", config.max_epochs) as bar:
        for epoch in range(1, config.max_epochs + 1):
            loss = trainer.run_epoch()
            recommender = SequenceRecommender(trainer.model, layout, config)
            ndcg = measure_ndcg(recommender, cases) if len(cases.histories) else None
            report(EpochReport("choose", epoch, loss, ndcg))
            bar.update()
            if ndcg is None or ndcg > best_ndcg:
                best_epoch, best_ndcg = epoch, -math.inf if ndcg is None else ndcg
                best_weights = copy.deepcopy(trainer.model.state_dict())
            elif epoch - best_epoch >= config.patience:
                break
    trainer.model.load_state_dict(best_weights)
    return best_epoch, SequenceRecommender(trainer.model, layout, config)


def fit_recommender(
    sequences: Sequences,
    layout: ItemLayout,
    config: RecommenderConfig,
    seed: int,
    n_epochs: int | None = None,
    report: Report = lambda epoch: None,
) -> SequenceRecommender:
    """Train on all the sequences for ``n_epochs`` and return the recommender.

    Args:
        sequences: what each user liked, oldest first, embedding indices of ``layout``.
        layout: items in the order of the model.
        config: model and training.
        seed: of weights, dropout, order and negatives.
        n_epochs: as a rule from :func:`choose_n_epochs`; ``config.max_epochs`` if ``None``.
        report: is told of every epoch.

    Raises:
        UserError: no user has liked two items.
    """
    n_epochs = config.max_epochs if n_epochs is None else n_epochs
    trainer = _Trainer(sequences, layout, config, seed)
    with _progress("recommender, fitting", n_epochs) as bar:
        for epoch in range(1, n_epochs + 1):
            report(EpochReport("refit", epoch, trainer.run_epoch(), None))
            bar.update()
    return SequenceRecommender(trainer.model, layout, config)


def _progress(title: str, n_epochs: int) -> tqdm:
    return tqdm(total=n_epochs, desc=title, unit="epoch", disable=None)


class _Trainer:
    """A model in training with all that its next step depends on."""

    def __init__(
        self, sequences: Sequences, layout: ItemLayout, config: RecommenderConfig, seed: int
    ) -> None:
        self._windows = cut_windows(sequences, config.max_length)
        if not len(self._windows):
            rule = "at least one user has liked two items"
            raise UserError("interactions", rule, "lower dataset.positive_threshold, or add data")
        self._config = config
        self._generator = torch.Generator().manual_seed(seed)
        self._rng = np.random.default_rng(seed)
        self.model = make_model(layout, config, self._generator)
        self._optimizer = _make_optimizer(self.model, config)
        self._n_steps = config.max_epochs * count_batches(self._windows, config.batch_tokens)
        self._step = 0

    def run_epoch(self) -> float:
        """Train on every window once; return the mean loss per target."""
        total, n_targets = 0.0, 0
        for batch in iterate_batches(self._windows, self._config.batch_tokens, self._rng):
            for group in self._optimizer.param_groups:
                group["lr"] = rate_at(self._step / self._n_steps, self._config)
            loss, n = _take_step(
                self.model, self._optimizer, torch.from_numpy(batch), self._config, self._generator
            )
            total, n_targets, self._step = total + loss * n, n_targets + n, self._step + 1
        return total / n_targets


def _take_step(
    model: SequenceTransformer,
    optimizer: torch.optim.Optimizer,
    batch: Tensor,
    config: RecommenderConfig,
    generator: torch.Generator,
) -> tuple[float, int]:
    """Take one optimiser step on a batch ``[B, S + 1]``; return its mean loss and targets."""
    inputs, following = batch[:, :-1], batch[:, 1:]  # [B, S] each
    is_real = following != PADDING_INDEX  # [B, S]
    states = model(inputs, dropout=generator)[is_real]  # [N, D]
    targets = following[is_real] - FIRST_ITEM  # [N]
    vectors = model.item_vectors()  # [I, D]
    if len(vectors) <= config.full_softmax_items:
        products = products_of(config)
        loss = full_softmax_loss(states, vectors, targets, config.temperature, products)  # []
    else:
        negatives = torch.randint(len(vectors), (config.n_negatives,), generator=generator)  # [M]
        loss = sampled_softmax_loss(states, vectors, targets, negatives, config.temperature)  # []
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), CLIPPED_NORM)
    optimizer.step()
    return float(loss.detach()), len(targets)


def _make_optimizer(model: SequenceTransformer, config: RecommenderConfig) -> torch.optim.AdamW:
    """Return a fused AdamW; only the blocks' matrices decay (cosines ignore an item's length)."""
    matrices = [w for name, w in model.blocks.named_parameters() if w.dim() > 1]
    decaying = {id(w) for w in matrices}
    others = [w for w in model.parameters() if id(w) not in decaying]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)


def rate_at(progress: float, config: RecommenderConfig) -> float:
    """Return the learning rate at a share of all steps: up in a line, then down in a cosine.

    >>> config = RecommenderConfig(learning_rate=1.0, warmup_share=0.5)
    >>> rate_at(0.25, config), rate_at(0.5, config), round(rate_at(1.0, config), 2)
    (0.5, 1.0, 0.02)
    """
    if progress < config.warmup_share:
        return config.learning_rate * max(progress / config.warmup_share, FINAL_RATE_SHARE)
    fallen = (progress - config.warmup_share) / (1 - config.warmup_share)
    cosine = (1 + math.cos(math.pi * fallen)) / 2
    return config.learning_rate * (FINAL_RATE_SHARE + (1 - FINAL_RATE_SHARE) * cosine)
