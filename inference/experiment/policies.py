"""Which novel clusters a participant is offered: the planner's way, and those it must beat.

Every policy is asked and told in the same way, and what it names goes through the same
restricted recommender and the same blend. None but :class:`OraclePolicy` sees the truth.

Shapes: U participants, N clusters, D dimensions of a cluster vector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import polars as pl

from expectations.contracts.values import ClusterContext
from inference.experiment.participants import Participant
from inference.experiment.random_streams import Floats
from inference.plans.align import align_plan
from inference.plans.combine import PlannedCluster, contexts_to_look_up, plan_for
from inference.plans.config import PlanConfig
from inference.table.plan_table import PlanTable
from training.alignment.alignment import Alignment
from training.alignment.reference_plans import NOBODY
from training.bandits.policy import ClusterBandit, Feedback, user_vectors
from training.clusters.distance import Ancestors

Plans = list[tuple[PlannedCluster, ...]]


class ClusterPolicy(Protocol):
    """Names novel clusters, and learns from what became of them."""

    def plan(self, participants: Sequence[Participant], n: int) -> Plans:
        """Return up to ``n`` clusters that each participant has not consumed, best first."""
        ...

    def learn(self, participants: Sequence[Participant], log: pl.DataFrame) -> None:
        """Take in one round.

        Args:
            participants: as they were when they were asked.
            log: what each was shown, see :func:`inference.experiment.simulate.run_arm`.
        """
        ...


class Unlearning:
    """A policy that is fixed while the experiment runs."""

    def learn(self, participants: Sequence[Participant], log: pl.DataFrame) -> None:
        """Learn nothing."""


@dataclass(frozen=True)
class TablePolicy(Unlearning):
    """A novel-cluster table, served as a request serves it.

    Attributes:
        table: of the planner, of pair counts, or any other.
        config: how its rows are combined.
        alignment: puts the first of a plan in the order that suits a user, and knows by what a mix
            is made theirs; ``None`` leaves plans and mix as they are.
        ancestors: of the clusters, by which distances are measured.
    """

    table: PlanTable
    config: PlanConfig
    alignment: Alignment | None
    ancestors: Ancestors

    def plan(self, participants: Sequence[Participant], n: int) -> Plans:
        """See :class:`ClusterPolicy`."""
        return [self._plan(participant)[:n] for participant in participants]

    def _plan(self, user: Participant) -> tuple[PlannedCluster, ...]:
        history, consumed = user.history_clusters, sorted(user.consumed_clusters)
        contexts = contexts_to_look_up(history, self.config)
        rows = {
            context: row for context in contexts if (row := self.table.row(context)) is not None
        }
        distances = self.ancestors.distances_from([*history, *consumed])
        families = self.ancestors.families
        if self.alignment is None:
            return plan_for(
                contexts, history, distances, families, rows, self.config, NOBODY
            ).clusters
        reference = self.alignment.reference
        plan = plan_for(contexts, history, distances, families, rows, self.config, reference)
        return align_plan(plan, history, consumed, distances, self.alignment, self.config).clusters


@dataclass(frozen=True)
class ScoredPolicy(Unlearning):
    """Clusters by scores that stay: one ranking for everybody, or one for each participant.

    Attributes:
        scores: [U, N] or [N]; clusters of minus infinity are never named.
    """

    scores: Floats

    def plan(self, participants: Sequence[Participant], n: int) -> Plans:
        """See :class:`ClusterPolicy`."""
        wide = np.broadcast_to(self.scores, (len(participants), self.scores.shape[-1]))
        return [_best(row, user, n) for row, user in zip(wide, participants, strict=True)]


class RandomPolicy(Unlearning):
    """Any cluster that a participant has not consumed, each alike, anew at every request."""

    def __init__(self, n_clusters: int, rng: np.random.Generator) -> None:
        """Draw with this generator among that many clusters."""
        self._n_clusters, self._rng = n_clusters, rng

    def plan(self, participants: Sequence[Participant], n: int) -> Plans:
        """See :class:`ClusterPolicy`."""
        drawn = self._rng.random((len(participants), self._n_clusters))
        return [_best(row, user, n) for row, user in zip(drawn, participants, strict=True)]


class BanditPolicy:
    """A bandit: it is told after every round how its clusters were liked."""

    def __init__(self, bandit: ClusterBandit, clusters: Floats) -> None:
        """Put a bandit to use.

        Args:
            bandit: it chooses.
            clusters: vectors of the clusters, by which it knows users too, [N, D].
        """
        self._bandit, self._clusters = bandit, clusters

    def plan(self, participants: Sequence[Participant], n: int) -> Plans:
        """See :class:`ClusterPolicy`."""
        offered = np.ones((len(participants), len(self._clusters)), dtype=bool)
        for row, user in enumerate(participants):
            offered[row, list(user.known_clusters)] = False
        chosen = self._bandit.choose(self._vectors(participants), offered, n)
        return [as_plan(picked, user) for picked, user in zip(chosen, participants, strict=True)]

    def learn(self, participants: Sequence[Participant], log: pl.DataFrame) -> None:
        """See :class:`ClusterPolicy`; learns from what explored, the rest was not its choice."""
        explored = log.filter("is_exploratory")
        if explored.is_empty():
            return
        users = self._vectors(participants)[explored["user"].to_numpy()]
        rewards = explored["is_positive"].cast(pl.Float64).to_numpy()
        self._bandit.learn(Feedback(users, explored["cluster"].to_numpy(), rewards))

    def _vectors(self, participants: Sequence[Participant]) -> Floats:
        return user_vectors([user.history_clusters for user in participants], self._clusters)


def shuffle_table(table: PlanTable, rng: np.random.Generator) -> PlanTable:
    """Return the table with the names of its clusters shuffled: a placebo.

    Rows keep how steeply they fall off and how much they differ, but what they name has nothing to
    do with whom they name it for.
    """
    names = np.append(rng.permutation(table.n_clusters), -1).astype(np.int32)  # NO_CLUSTER stays
    return PlanTable(table.row_of_context, names[table.clusters], table.scores)


def as_plan(clusters: Sequence[int], user: Participant) -> tuple[PlannedCluster, ...]:
    """Return clusters as a plan of this user, best first.

    Scores fall by rank, and the newest context stands for the reason.
    """
    history = user.history_clusters
    if not history:
        return ()
    newest = ClusterContext.of(*history[:2])
    return tuple(PlannedCluster(c, -float(rank), newest) for rank, c in enumerate(clusters))


def _best(scores: Floats, user: Participant, n: int) -> tuple[PlannedCluster, ...]:
    known = user.known_clusters
    order = np.argsort(-scores, kind="stable")
    named = [int(c) for c in order if int(c) not in known and np.isfinite(scores[c])]
    return as_plan(named[:n], user)
