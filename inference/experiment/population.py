"""The participants of one arm while it runs: what they know, what they tire of, who has left.

Shapes: U participants, T topics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from inference.experiment.arms import Exploration, answer_requests
from inference.experiment.change import drift, stay
from inference.experiment.config import ExperimentConfig
from inference.experiment.environment import Environment, Shown, respond, tire
from inference.experiment.participants import Participant
from inference.experiment.policies import ClusterPolicy
from inference.serving.exploration.blend import BlendedItem, ListName
from training.recommender.protocol import Recommender

Lists = list[list[BlendedItem]]


class Population:
    """Moves participants on, round by round, by what they are shown.

    Attributes:
        states: of the participants, as the next request finds them.
        is_present: who has not left, [U].
        round_number: of the next request, from 0.
    """

    def __init__(
        self,
        participants: Sequence[Participant],
        environment: Environment,
        config: ExperimentConfig,
        cluster_of_item: Mapping[str, int],
        seed: int,
    ) -> None:
        """Start at the data's end.

        Args:
            participants: their states at the start, in the order of the environment's users.
            environment: the truth.
            config: how people respond, tire, leave and change.
            cluster_of_item: the serving cluster of every item.
            seed: of all random numbers.
        """
        self.states = list(participants)
        self.is_present = np.ones(len(self.states), dtype=bool)
        self.round_number = 0
        self._start, self._truth, self._config = list(participants), environment, config
        self._cluster_of_item, self._seed = cluster_of_item, seed
        self._tiredness = np.zeros_like(environment.affinity)  # [U, T]

    def answer(
        self,
        policy: ClusterPolicy | None,
        recommender: Recommender,
        users: Sequence[int],
        asked: ExperimentConfig,
        served: Exploration,
    ) -> Lists:
        """Return the list of each of the users named; none for who has left, [U].

        Nothing that has not yet arrived is shown.

        Args:
            policy: names novel clusters; ``None`` explores nothing.
            recommender: picks the items.
            users: whose requests are answered.
            asked: length of a list and the share of it that explores.
            served: fills explored positions.
        """
        missing = self._truth.not_yet_arrived(self.round_number)
        asking = [self.states[user] for user in users]
        if missing:
            asking = [replace(s, excluded_items=s.excluded_items | missing) for s in asking]
        # Who has left is asked for as well: what a policy draws for others must not depend on it.
        answers = answer_requests(policy, recommender, asking, asked, served, self.round_number)
        lists: Lists = [[] for _ in self.states]
        for user, answer in zip(users, answers, strict=True):
            lists[user] = answer if self.is_present[user] else []
        return lists

    def take(self, lists: Lists) -> pl.DataFrame:
        """Let everybody respond to a list, move on to the next round, and return this one's log.

        The columns are those of :func:`inference.experiment.simulate.run_arm`.
        """
        number, truth, config = self.round_number, self._truth, self._config
        log = self._tabulate(lists)
        users, items, positions = (log[name].to_numpy() for name in ("user", "item", "position"))
        shown = Shown(users, items, positions)
        response = respond(truth, config, self._tiredness, shown, number, self._seed)
        log = log.with_columns(
            is_consumed=response.is_consumed,
            feedback=response.feedback,
            is_positive=response.is_positive,
        )
        taken = response.is_consumed
        self._tiredness = tire(truth, config, self._tiredness, users[taken], items[taken])
        self._move_on(lists, log)
        likes = np.zeros(len(self.states))
        np.add.at(likes, users, response.is_positive)
        self.is_present = stay(config, self.is_present, likes, number, self._seed)
        self._truth = drift(truth, config, number, self._seed)
        self.round_number += 1
        return log

    def _tabulate(self, lists: Lists) -> pl.DataFrame:
        index_of, start = self._truth.index_of, self._start
        rows = [
            (
                user,
                position,
                index_of[entry.item.item_id],
                entry.item.cluster_id,
                entry.from_list is ListName.EXPLORATORY,
                entry.probability,
                entry.item.cluster_id not in start[user].consumed_clusters,
            )
            for user, entries in enumerate(lists)
            for position, entry in enumerate(entries)
        ]
        schema = {
            "user": pl.Int64,
            "position": pl.Int64,
            "item": pl.Int64,
            "cluster": pl.Int64,
            "is_exploratory": pl.Boolean,
            "probability": pl.Float64,
            "is_novel": pl.Boolean,
        }
        frame = pl.DataFrame(rows, schema=schema, orient="row")
        topics = self._truth.topic_of_item[frame["item"].to_numpy()]
        return frame.with_columns(topic=topics, round=pl.lit(self.round_number, dtype=pl.Int64))

    def _move_on(self, lists: Lists, log: pl.DataFrame) -> None:
        consumed: list[list[tuple[str, bool]]] = [[] for _ in self.states]
        taken = log.filter("is_consumed").select("user", "item", "is_positive")
        for user, item, is_positive in taken.iter_rows():
            consumed[user].append((self._truth.item_ids[item], is_positive))
        self.states = [
            state.after([entry.item.item_id for entry in entries], events, self._cluster_of_item)
            for state, entries, events in zip(self.states, lists, consumed, strict=True)
        ]
