"""Retrains an arm's recommender on the log that the arm itself has made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from expectations.contracts.tables import INTERACTIONS
from inference.experiment.participants import Participant
from pipelines.io import paths
from pipelines.io.artefact_io import scan_table
from training.recommender.data.histories import Sequences, read_sequences
from training.recommender.data.layout import ItemLayout
from training.recommender.fitting.continued_fit import train_on
from training.recommender.model.recommender import SequenceRecommender
from training.recommender.protocol import Recommender


class Retraining:
    """What everybody had liked by the data's end, and how to train on from there."""

    def __init__(self, histories: Mapping[str, Sequence[int]], seed: int) -> None:
        """Take the histories of the log.

        Args:
            histories: embedding indices that each user had liked, oldest first.
            seed: of the training.
        """
        self._histories, self._seed = dict(histories), seed

    def __call__(
        self, recommender: Recommender, participants: Sequence[Participant], round_number: int
    ) -> Recommender:
        """Return the recommender after another pass; see :data:`inference.experiment.simulate`."""
        if not isinstance(recommender, SequenceRecommender):
            return recommender  # a team's own: how it learns is not known here
        index_of = recommender.layout.index_of
        now = {
            user.user_id: [index_of[item] for item in reversed(user.recent_items)]
            for user in participants
        }
        everything = Sequences.of(list((self._histories | now).values()))
        return train_on(
            recommender, everything, Sequences.of(list(now.values())), self._seed + round_number
        )


def read_histories(layout: ItemLayout) -> dict[str, list[int]]:
    """Return what every user has liked up to the data's end, embedding indices, oldest first."""
    interactions = scan_table(paths.INTERACTIONS, INTERACTIONS)
    end = interactions.select(pl.max("timestamp") + pl.duration(microseconds=1)).collect().item()
    users, sequences = read_sequences(interactions, layout, end)
    return {user: sequences[row].tolist() for row, user in enumerate(users)}
