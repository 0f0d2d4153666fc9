"""Fits the chain world in one of several processes; a launcher starts this file in each.

`python -m torch.distributed.run --nproc_per_node 2 -m tests.worlds.team_fit FOLDER LOSS` leaves in
FOLDER each process's weights and how many windows it trained on.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.worlds import recommender as world
from training.processes import join_process_group
from training.recommender.data.histories import read_sequences
from training.recommender.fitting import trainer
from training.recommender.fitting.batch_loss import batch_loss
from training.recommender.fitting.fit import fit_recommender


def main(folder: Path, loss: str) -> None:
    """Fit without dropout, whose draws differ between one process and several."""
    torch.set_num_threads(1)
    changes = {"dropout": 0.0, "loss": loss, "n_negatives": 20, "max_epochs": 2, "device": "cpu"}
    config = world.SMALL.model_copy(update={**changes, "precision": "float32"})
    n_windows = 0

    def count(model: object, batch: Tensor, *others: object) -> tuple[Tensor, int]:
        nonlocal n_windows
        n_windows += len(batch)
        found: tuple[Tensor, int] = batch_loss(model, batch, *others)  # type: ignore[arg-type]
        return found

    trainer.batch_loss = count  # type: ignore[assignment]
    layout = world.make_layout()
    log = world.make_interactions(world.walk(60, 10, noise=0.1, seed=0))
    _, sequences = read_sequences(log, layout, world.START + timedelta(days=1))
    recommender = fit_recommender(sequences, layout, config, seed=0, checkpoint=folder / "state")
    group = join_process_group(config.device, "recommender.device")
    save_file(recommender.model.state_dict(), folder / f"weights-{group.rank}.safetensors")
    own = torch.full((2,), float(group.rank + 7))
    group.broadcast([own])
    content = {"size": group.world_size, "windows": n_windows, "agreed": own.tolist()}
    (folder / f"work-{group.rank}.json").write_text(json.dumps(content))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
