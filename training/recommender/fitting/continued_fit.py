"""Trains a recommender on with what was liked since: its weights start where they are."""

from __future__ import annotations

import torch

from training.processes import ProcessGroup
from training.recommender.data.histories import Sequences
from training.recommender.data.neighbours import fit_neighbours
from training.recommender.fitting.trainer import Trainer
from training.recommender.model.popularity import count_in_sequences
from training.recommender.model.recommender import SequenceRecommender


def train_on(
    recommender: SequenceRecommender, sequences: Sequences, changed: Sequences, seed: int
) -> SequenceRecommender:
    """Return the recommender after one more pass over what has changed; the old one stays.

    The transformer is trained on the newest items of the histories that have changed, at a rate
    that rises and falls once; neighbours are counted anew over everything.

    Args:
        recommender: fitted on the catalogue that the sequences are of.
        sequences: what every user has liked, oldest first.
        changed: of those, the users who have liked something since; without one of two items or
            more, the transformer stays as it is.
        seed: of dropout, order and negatives.
    """
    config = recommender.config.model_copy(
        update={"warm_start": False, "max_epochs": 1, "device": "cpu"}
    )
    layout, model = recommender.layout, recommender.model
    newest = changed.newest(config.max_length + 1)
    if (newest.lengths > 1).any():
        trainer = Trainer(newest, layout, config, seed, ProcessGroup(0, 1, torch.device("cpu")))
        trainer.model.load_state_dict(model.state_dict())
        trainer.run_epoch(lambda: None)
        model = trainer.copy_model()
    neighbours = recommender.neighbours
    if neighbours is not None:
        neighbours = fit_neighbours(sequences, layout.n_items, neighbours.config)
    likes = count_in_sequences(sequences, layout.n_items)
    return SequenceRecommender(model, layout, recommender.config, neighbours, likes)
