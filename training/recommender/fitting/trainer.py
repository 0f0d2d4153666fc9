"""A model in training: its steps over batches, and all that the next step depends on.

All chance in a step follows from the seed and the step's number, so that weights, the optimisers'
moments and that number are the whole state. Shapes: B windows, S positions.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from expectations.contracts.errors import UserError
from expectations.contracts.values import PADDING_INDEX
from training.precision import products_of
from training.processes import ProcessGroup
from training.recommender.config import RecommenderConfig
from training.recommender.data.histories import (
    Sequences,
    bucket_windows,
    count_batches,
    cut_windows,
    pad,
)
from training.recommender.data.layout import ItemLayout
from training.recommender.fitting.batch_loss import batch_loss, draw_items, draws_negatives
from training.recommender.fitting.optimizers import Optimizers
from training.recommender.fitting.warm_start import initial_item_vectors
from training.recommender.model.model import SequenceTransformer, make_model

ORDER, NEGATIVES, DROPOUT = range(3)
"""What a stream of random numbers is for; each has its own."""
MODEL = "model."


@dataclass(frozen=True)
class Position:
    """How far a training has come, and the loss so far in the epoch under way."""

    epochs: int = 0
    batches: int = 0
    loss_sum: float = 0.0
    n_targets: int = 0


class Trainer:
    """Takes steps.

    Attributes:
        model: in training, on the process's device.
        position: how far it has come.
        draws: whether its loss looks at drawn items instead of all.

    Raises:
        UserError: no user has liked two items.
    """

    def __init__(
        self,
        sequences: Sequences,
        layout: ItemLayout,
        config: RecommenderConfig,
        seed: int,
        group: ProcessGroup,
    ) -> None:
        self._windows = cut_windows(sequences, config.max_length)
        if not len(self._windows):
            rule = "at least one user has liked two items"
            raise UserError("interactions", rule, "lower dataset.positive_threshold, or add data")
        self._config = config
        self._seed = seed
        self._group = group
        self.draws = draws_negatives(config, layout.n_items)
        self._products = products_of(config.precision, group.device)
        self._n_batches = count_batches(self._windows, config.batch_tokens)
        self.model = make_model(layout, config, torch.Generator().manual_seed(seed))
        if config.warm_start:
            vectors = initial_item_vectors(sequences, layout.n_items, config.dimension, seed)
            self.model.set_item_vectors(torch.from_numpy(vectors))
        self.model.to(group.device)
        with torch.no_grad():
            group.broadcast(list(self.model.parameters()))
        self._optimizers = Optimizers(self.model, config, by_rows=self.draws)
        self.position = Position()

    def run_epoch(self, after_step: Callable[[], None]) -> float:
        """Train to the end of the epoch under way; return the mean loss per target."""
        rng = np.random.default_rng([self._seed, ORDER, self.position.epochs])
        batches = bucket_windows(self._windows, self._config.batch_tokens, rng)
        for rows in batches[self.position.batches :]:
            loss_sum, n = self._take_step(torch.from_numpy(pad(self._windows.take(rows))))
            at = self.position
            self.position = Position(
                at.epochs, at.batches + 1, at.loss_sum + loss_sum, at.n_targets + n
            )
            after_step()
        finished = self.position
        self.position = Position(finished.epochs + 1)
        return finished.loss_sum / finished.n_targets

    def state(self) -> tuple[dict[str, Tensor], dict[str, float]]:
        """Return the tensors and the numbers that :meth:`restore` takes."""
        weights = {f"{MODEL}{name}": w for name, w in self.model.state_dict().items()}
        return weights | self._optimizers.state(), asdict(self.position)

    def restore(self, tensors: Mapping[str, Tensor], numbers: Mapping[str, float]) -> None:
        """Go on from a state that a trainer of the same settings was in."""
        self.model.load_state_dict(
            {n.removeprefix(MODEL): t for n, t in tensors.items() if n.startswith(MODEL)}
        )
        self._optimizers.restore(tensors)
        at = {name: int(numbers[name]) for name in ("epochs", "batches", "n_targets")}
        self.position = Position(**at, loss_sum=numbers["loss_sum"])

    def copy_model(self) -> SequenceTransformer:
        """Return the model as it stands, on the processor, apart from the one in training."""
        apart: SequenceTransformer = copy.deepcopy(self.model).cpu()
        return apart

    def _take_step(self, batch: Tensor) -> tuple[float, int]:
        """Take one step on a batch ``[B, S + 1]``; return the sum of losses and the targets."""
        step = self.position.epochs * self._n_batches + self.position.batches
        config, group = self._config, self._group
        drawn = None
        if self.draws:
            generator = torch.Generator().manual_seed(self._seed_of(NEGATIVES, step))
            drawn = draw_items(self.model, batch, config.n_negatives, generator)
        mine = batch[group.rank :: group.world_size].to(group.device)
        n = int((batch[:, 1:] != PADDING_INDEX).sum())
        loss_sum = torch.zeros(1, device=group.device)
        if len(mine):
            dropout = torch.Generator(group.device)
            dropout.manual_seed(self._seed_of(DROPOUT, step, group.rank))
            loss, n_mine = batch_loss(self.model, mine, drawn, config, self._products, dropout)
            (loss * (n_mine / n)).backward()
            loss_sum += loss.detach() * n_mine
        group.all_reduce([loss_sum, *self._optimizers.gradients(drawn)])
        self._optimizers.step(step / (config.max_epochs * self._n_batches), drawn)
        return float(loss_sum), n

    def _seed_of(self, purpose: int, *numbers: int) -> int:
        entropy = np.random.SeedSequence([self._seed, purpose, *numbers])
        return int(entropy.generate_state(1, np.uint64)[0])
