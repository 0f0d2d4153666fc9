"""A training as it goes on: its curve, its best weights, and both kept on disk with its state."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

from pydantic import TypeAdapter
from torch import Tensor

from training.processes import ProcessGroup
from training.recommender.fitting.checkpoint import Checkpoint, Checkpoints
from training.recommender.fitting.trainer import Trainer

BEST = "best."

Phase = Literal["choose", "refit"]


@dataclass(frozen=True)
class EpochReport:
    """One epoch: mean loss in nats per target, and validation NDCG@10 where it was measured."""

    phase: Phase
    epoch: int
    train_loss: float
    validation_ndcg_at_10: float | None


Report = Callable[[EpochReport], None]


@dataclass(frozen=True)
class _Record:
    """What a checkpoint records beside tensors: position (``Trainer.state``) and curve."""

    position: dict[str, float]
    curve: list[EpochReport]


class TrainingRun:
    """A training with what it has shown so far; it starts from where a killed one was.

    Attributes:
        curve: of the epochs that are done.
        best_weights: of the model after the best epoch, by the validation window.
    """

    def __init__(
        self, trainer: Trainer, kept: Checkpoints | None, report: Report, group: ProcessGroup
    ) -> None:
        self._trainer = trainer
        self._kept = kept
        self._report = report
        self._is_main = group.is_main
        self.curve: list[EpochReport] = []
        self.best_weights: dict[str, Tensor] = {}
        found = kept.read() if kept else None
        if found is not None:
            record = TypeAdapter(_Record).validate_python(found.record)
            trainer.restore(found.tensors, record.position)
            self.curve = record.curve
            for name, weight in found.tensors.items():
                if name.startswith(BEST):
                    self.best_weights[name.removeprefix(BEST)] = weight
            for epoch in self.curve:
                report(epoch)

    @property
    def best_epoch(self) -> int:
        """The first epoch with the highest NDCG; the last one where none was measured."""
        best, highest = 0, -math.inf
        for epoch in self.curve:
            ndcg = epoch.validation_ndcg_at_10
            if ndcg is None or ndcg > highest:
                best, highest = epoch.epoch, -math.inf if ndcg is None else ndcg
        return best

    def is_over(self, max_epochs: int, patience: int) -> bool:
        """Return whether the last epoch is done, or as many as ``patience`` without a better."""
        return len(self.curve) >= min(max_epochs, self.best_epoch + patience)

    def finish_epoch(self, epoch: EpochReport) -> None:
        """Note and tell how an epoch went, and keep its state."""
        self.curve.append(epoch)
        if epoch.phase == "choose" and self.best_epoch == epoch.epoch:
            self.best_weights = self._trainer.copy_model().state_dict()
        self._report(epoch)
        if self._kept is not None and self._is_main:
            self._kept.write(self._state())

    def keep_when_due(self) -> None:
        """Keep the state within an epoch now and then."""
        if self._kept is not None and self._is_main:
            self._kept.write_when_due(self._state)

    def _state(self) -> Checkpoint:
        tensors, position = self._trainer.state()
        best = {f"{BEST}{name}": weight for name, weight in self.best_weights.items()}
        record = {"position": position, "curve": [asdict(epoch) for epoch in self.curve]}
        return Checkpoint(tensors | best, record)
