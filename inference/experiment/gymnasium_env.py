"""The experiment behind Gymnasium's interface: an episode is one person, a step one request.

A policy of one's own names novel clusters; the list that explores them is made by the code that
serves, and the person responds by the same law as in every arm (interface: Towers et al., 2024,
arXiv 2407.17032).

Shapes: N clusters, P clusters that may be named, H history clusters that are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import gymnasium
import numpy as np
import polars as pl
from gymnasium import spaces
from numpy.typing import NDArray

from inference.experiment.arms import Exploration, System
from inference.experiment.config import ExperimentConfig
from inference.experiment.environment import Environment
from inference.experiment.participants import Participant
from inference.experiment.policies import Plans, Unlearning, as_plan
from inference.experiment.population import Population
from inference.serving.exploration.config import ExplorationPolicy

HISTORY = 20
"""Newest history clusters that an observation tells; a served plan reads fewer."""
OPTIONS = {"participant", "luck"}
MOST_LUCK = 2**31
"""Seeds of an episode's luck are drawn below it."""
TOLD = ("cluster", "is_exploratory", "is_consumed", "is_positive")
"""Columns of the log that ``info`` has as they are."""

Observation = dict[str, object]
Action = NDArray[np.int64]
Info = dict[str, object]


class Named(Unlearning):
    """The clusters that an action names, as a policy."""

    def __init__(self, clusters: Sequence[int]) -> None:
        """Take clusters, best first."""
        self._clusters = clusters

    def plan(self, participants: Sequence[Participant], n: int) -> Plans:
        """See :class:`inference.experiment.policies.ClusterPolicy`; drops what is no news."""
        plans = []
        for user in participants:
            named = dict.fromkeys(self._clusters)
            fresh = [cluster for cluster in named if cluster not in user.known_clusters]
            plans.append(as_plan(fresh[:n], user))
        return plans


class InterestExplorationEnv(gymnasium.Env[Observation, Action]):
    """People who are shown lists, one person an episode, one request a step.

    An action names up to P novel clusters, best first, N in the place of none; what the person
    knows already is passed over, as the service does. A reward is the number of items liked.
    An episode ends when the person leaves (terminated) or after the rounds of the experiment
    (truncated).

    An observation has ``history`` (int64 [H], the person's history clusters, newest first, then
    N), ``consumed`` and ``candidates`` (int8 [N], clusters that are consumed, and that may be
    named), and ``round`` (of the next request, from 0). Beside it ``info`` tells the
    ``participant`` by index and, after a step, of each item of the list in order: ``item`` (its
    id), ``cluster``, ``is_exploratory``, ``probability`` (1 where it did not explore),
    ``is_consumed`` and ``is_positive``.
    """

    def __init__(
        self,
        system: System,
        participants: Sequence[Participant],
        environment: Environment,
        config: ExperimentConfig,
        exploration: ExplorationPolicy,
    ) -> None:
        """Take who takes part.

        Args:
            system: the released parts; its recommender stays as it is.
            participants: their states at the start, in the order of the environment's users.
            environment: the truth.
            config: length and manner of the experiment.
            exploration: how the service fills explored positions.
        """
        self._system, self._participants, self._truth = system, list(participants), environment
        self._config, self._exploration = config, exploration
        n = self.n_clusters
        self.action_space = spaces.MultiDiscrete([n + 1] * config.planned_clusters)
        observed = spaces.Dict(
            {
                "history": spaces.MultiDiscrete([n + 1] * HISTORY),
                "consumed": spaces.MultiBinary(n),
                "candidates": spaces.MultiBinary(n),
                "round": spaces.Discrete(config.rounds + 1),
            }
        )
        # Gymnasium 1.4 declares a Dict's samples to be spaces.
        self.observation_space = cast("spaces.Space[Observation]", observed)
        self._user = 0
        self._people: Population | None = None
        self._served = Exploration(exploration, 0)

    @property
    def n_clusters(self) -> int:
        """N, at the serving level."""
        return self._system.table.n_clusters

    @property
    def n_participants(self) -> int:
        """How many people there are."""
        return len(self._participants)

    def reset(
        self, *, seed: int | None = None, options: dict[str, int] | None = None
    ) -> tuple[Observation, Info]:
        """Begin a person's episode.

        Args:
            seed: of who is drawn, and of the luck of all episodes that follow.
            options: ``participant``, an index, in place of one that is drawn; ``luck``, the seed of
                the episode's own luck: two policies that are given the same meet the same person.

        Raises:
            ValueError: an option has no meaning here.
        """
        super().reset(seed=seed)
        given = dict(options or {})
        if unknown := given.keys() - OPTIONS:
            raise ValueError(f"options {sorted(unknown)}: only {sorted(OPTIONS)} are known")
        drawn = int(self.np_random.integers(self.n_participants))
        luck = int(self.np_random.integers(MOST_LUCK))
        self._user = int(given.get("participant", drawn))
        if not 0 <= self._user < self.n_participants:
            raise ValueError(f"participant {self._user}: there are {self.n_participants}, from 0")
        luck = int(given.get("luck", luck))
        self._people = Population(
            self._participants, self._truth, self._config, self._system.cluster_of_item, luck
        )
        self._served = Exploration(self._exploration, luck)
        return self._observe(self._people), {"participant": self._user}

    def step(self, action: Action) -> tuple[Observation, float, bool, bool, Info]:
        """Show the person a list that explores the clusters named.

        Args:
            action: [P], see the class.

        Raises:
            ResetNeeded: no episode has begun, or it is over.
            ValueError: the action is none.
        """
        people = self._people
        if people is None:
            raise gymnasium.error.ResetNeeded("no episode runs: call reset()")
        named = np.asarray(action, dtype=np.int64)
        if not self.action_space.contains(named):
            places, n = self._config.planned_clusters, self.n_clusters
            raise ValueError(f"action {action!r}: name {places} clusters below {n}, {n} for none")
        policy = Named([int(cluster) for cluster in named if cluster < self.n_clusters])
        recommender = self._system.recommender
        lists = people.answer(policy, recommender, [self._user], self._config, self._served)
        log = people.take(lists)
        has_left = not people.is_present[self._user]
        is_over = people.round_number == self._config.rounds
        if has_left or is_over:
            self._people = None
        likes = float(log["is_positive"].sum())
        return self._observe(people), likes, has_left, is_over, self._tell(log)

    def _observe(self, people: Population) -> Observation:
        user = people.states[self._user]
        history = np.full(HISTORY, self.n_clusters, dtype=np.int64)
        newest = user.history_clusters[:HISTORY]
        history[: len(newest)] = newest
        consumed = np.zeros(self.n_clusters, dtype=np.int8)
        consumed[list(user.consumed_clusters)] = 1
        candidates = np.ones(self.n_clusters, dtype=np.int8)
        candidates[list(user.known_clusters)] = 0
        return {
            "history": history,
            "consumed": consumed,
            "candidates": candidates,
            "round": np.int64(people.round_number),
        }

    def _tell(self, log: pl.DataFrame) -> Info:
        return {
            "participant": self._user,
            "item": [self._truth.item_ids[item] for item in log["item"]],
            "probability": log["probability"].fill_null(1.0).to_numpy(),
            **{name: log[name].to_numpy() for name in TOLD},
        }
