"""What each arm of the experiment shows: the ordinary list, blended with what its policy names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from inference.experiment.config import ExperimentConfig
from inference.experiment.participants import Participant
from inference.experiment.policies import ClusterPolicy, Plans, TablePolicy
from inference.plans.combine import PlannedCluster
from inference.plans.config import PlanConfig
from inference.serving.exploration.blend import BlendedItem, ListName, blend, exploratory_positions
from inference.serving.exploration.config import ExplorationPolicy
from inference.serving.exploration.policy import draw_novel, items_to_draw_from
from inference.serving.exploration.retrieval import RetrievalRequest, RetrievedLists, retrieve_lists
from inference.serving.exploration.shown_clusters import ShownClusters
from inference.serving.exploration.shown_store import US_PER_DAY, ShownInMemory
from inference.table.plan_table import PlanTable
from training.alignment.alignment import Alignment
from training.clusters.distance import Ancestors
from training.recommender.protocol import Recommender

EVERY_CLUSTER = 2**31
"""Depth of a plan of which some clusters may rest: more than any tree has."""
MOST = 1 - 2**-53
"""The largest offset that can be drawn: no list of a participant has more explored positions."""


@dataclass(frozen=True)
class System:
    """What is under test, as it would be served.

    Attributes:
        recommender: ours or a team's own.
        table: the novel-cluster table.
        plan: how its rows are combined, and how many of its clusters are aligned.
        alignment: puts those in the order that suits a user.
        ancestors: of the clusters, by which distances are measured.
        cluster_of_item: the serving cluster of every item.
    """

    recommender: Recommender
    table: PlanTable
    plan: PlanConfig
    alignment: Alignment
    ancestors: Ancestors
    cluster_of_item: Mapping[str, int]

    def planner(self) -> TablePolicy:
        """Return the policy that is served."""
        return TablePolicy(self.table, self.plan, self.alignment, self.ancestors)


class Exploration:
    """How explored positions are filled, as the service does it: drawn, and shown clusters rest.

    What chance decides depends on seed, round and user alone, so that arms share their luck.
    """

    def __init__(self, policy: ExplorationPolicy, seed: int) -> None:
        """Start with nothing shown to anybody."""
        self.policy, self._seed = policy, seed
        store = ShownInMemory(policy.remembered_users)
        self._shown = ShownClusters(policy.rest_after, policy.rest_days, store)

    def rest(
        self, user_id: str, plan: Sequence[PlannedCluster], round_number: int
    ) -> tuple[PlannedCluster, ...]:
        """Return the plan with those clusters last that were shown often and not taken."""
        return self._shown.rest(user_id, plan, round_number * US_PER_DAY)

    def draw(
        self, user_id: str, lists: RetrievedLists, count: int, share: float, round_number: int
    ) -> list[BlendedItem]:
        """Return one blended list, and remember which planned clusters it shows."""
        chance = Random(f"{self._seed}/{round_number}/{user_id}")
        offset = chance.random()
        n_novel = len(exploratory_positions(count, share, offset))
        novel = draw_novel(lists.novel, n_novel, self.policy, chance.random)
        blended = blend(lists.ordinary, novel, share, count, offset)
        explored = (e.item.cluster_id for e in blended if e.from_list is ListName.EXPLORATORY)
        self._shown.note(user_id, explored, round_number * US_PER_DAY)
        return blended


def answer_requests(
    policy: ClusterPolicy | None,
    recommender: Recommender,
    participants: Sequence[Participant],
    config: ExperimentConfig,
    exploration: Exploration | None = None,
    round_number: int = 0,
) -> list[list[BlendedItem]]:
    """Return each participant's list, up to ``config.count`` items, made as the service makes it.

    Without a policy the exploration share is zero; everything else is the same.

    Args:
        policy: names the novel clusters.
        recommender: picks the items.
        participants: as they are now.
        config: length of a list, share of it that explores, clusters that are planned.
        exploration: draws explored positions and lets clusters rest; without it the best stand
            at evenly spread positions, by default settings, so that a list depends on the release
            alone.
        round_number: which request of each participant this is; requests are a day apart.
    """
    share = config.exploration_share if policy is not None else 0.0
    filled = ExplorationPolicy() if exploration is None else exploration.policy
    plans: Plans = [() for _ in participants]
    if policy is not None and share:
        depth = config.planned_clusters if exploration is None else EVERY_CLUSTER
        plans = policy.plan(participants, depth)
    if exploration is not None:
        plans = [
            exploration.rest(user.user_id, plan, round_number)[: config.planned_clusters]
            for user, plan in zip(participants, plans, strict=True)
        ]
    requests = [
        RetrievalRequest(
            user.recent_items, plan, user.excluded_items, popularity_weight=filled.popularity_weight
        )
        for user, plan in zip(participants, plans, strict=True)
    ]
    n_novel = len(exploratory_positions(config.count, share, MOST))
    per_cluster = min(config.count, items_to_draw_from(filled, n_novel))
    retrieved = retrieve_lists(recommender, requests, config.count + n_novel, per_cluster)
    if exploration is None:
        return [blend(lists.ordinary, lists.novel, share, config.count) for lists in retrieved]
    return [
        exploration.draw(user.user_id, lists, config.count, share, round_number)
        for user, lists in zip(participants, retrieved, strict=True)
    ]
