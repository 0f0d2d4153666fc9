"""What a training leaves on disk as it goes, so that a killed one resumes with the same result."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from training.recommender.config import RecommenderConfig
from training.recommender.data.histories import Sequences
from training.recommender.data.layout import ItemLayout

RECORD = "record"
FINGERPRINT = "fingerprint"
ROOM = Path(__file__).parents[1]
SOURCES = (
    ROOM,
    *(
        ROOM.parent / name
        for name in ("item_scoring", "evaluation/metrics.py", "precision.py", "processes.py")
    ),
)
"""The code that a training runs: validation ranks by scores, and stops by a figure."""
SECONDS_BETWEEN = 60.0
"""Wall time from one checkpoint to the next within an epoch; every epoch's end leaves one too."""


@dataclass(frozen=True)
class Checkpoint:
    """A state of a training: its tensors, and a record that JSON can hold."""

    tensors: Mapping[str, Tensor]
    record: Mapping[str, object]


class Checkpoints:
    """One file that holds the newest state of one training, replaced as a whole.

    Args:
        file: where it lies; its folder is made.
        fingerprint: of everything the result depends on. A file of anything else is passed over.
        seconds_between: as :data:`SECONDS_BETWEEN`.
    """

    def __init__(
        self, file: Path, fingerprint: str, seconds_between: float = SECONDS_BETWEEN
    ) -> None:
        self._file = file
        self._fingerprint = fingerprint
        self._seconds_between = seconds_between
        self._written = time.monotonic()

    def read(self) -> Checkpoint | None:
        """Return the state on disk; ``None`` without one, or where it is not of this training."""
        try:
            with safe_open(self._file, framework="pt") as content:
                metadata = content.metadata() or {}
                if metadata.get(FINGERPRINT) != self._fingerprint:
                    return None
                tensors = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
        except (FileNotFoundError, SafetensorError):
            return None
        return Checkpoint(tensors, json.loads(metadata[RECORD]))

    def write(self, checkpoint: Checkpoint) -> None:
        """Put the state on disk; a kill at any moment leaves the old file or the new one."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        partial = self._file.with_name(self._file.name + ".partial")
        tensors = {name: t.detach().cpu().contiguous() for name, t in checkpoint.tensors.items()}
        metadata = {FINGERPRINT: self._fingerprint, RECORD: json.dumps(dict(checkpoint.record))}
        save_file(tensors, partial, metadata)
        with partial.open("rb") as stream:
            os.fsync(stream.fileno())
        partial.replace(self._file)
        self._written = time.monotonic()

    def write_when_due(self, make: Callable[[], Checkpoint]) -> None:
        """Put the state on disk if the last one is old enough."""
        if time.monotonic() - self._written >= self._seconds_between:
            self.write(make())


def source_files() -> list[Path]:
    """Return the files of :data:`SOURCES`, in order."""
    return [
        f for part in SOURCES for f in (sorted(part.rglob("*.py")) if part.is_dir() else [part])
    ]


def fingerprint_of(
    data: Sequence[Sequences], layout: ItemLayout, config: RecommenderConfig, seed: int, what: str
) -> str:
    """Return a hash of all that a training depends on: data, settings, seed, code, torch, threads.

    Args:
        data: what is trained on and, where that decides, what is validated on.
        layout: items in the order of the model.
        config: model and training.
        seed: of everything drawn.
        what: anything else.
    """
    total = hashlib.sha256()
    settings = [config.model_dump(), seed, what, torch.__version__, torch.get_num_threads()]
    total.update(json.dumps(settings, sort_keys=True).encode())
    for file in source_files():
        total.update(file.read_bytes())
    total.update("\n".join(layout.item_ids).encode())
    total.update(layout.block_starts.tobytes())
    for sequences in data:
        for array in (sequences.items, sequences.offsets):
            total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()
