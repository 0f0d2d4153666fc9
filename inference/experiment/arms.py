"""What each arm of the experiment shows: the ordinary list, blended with what its policy names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inference.experiment.config import ExperimentConfig
from inference.experiment.participants import Participant
from inference.experiment.policies import ClusterPolicy, Plans, TablePolicy
from inference.plans.config import PlanConfig
from inference.serving.blend import BlendedItem, blend, exploratory_positions
from inference.serving.retrieval import RetrievalRequest, retrieve_lists
from inference.table.plan_table import PlanTable
from training.alignment.alignment import Alignment
from training.clusters.distance import Ancestors
from training.recommender.protocol import Recommender


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


def answer_requests(
    policy: ClusterPolicy | None,
    recommender: Recommender,
    participants: Sequence[Participant],
    config: ExperimentConfig,
) -> list[list[BlendedItem]]:
    """Return each participant's list, up to ``config.count`` items, made as the service makes it.

    Without a policy the exploration share is zero; everything else is the same.
    """
    share = config.exploration_share if policy is not None else 0.0
    n_novel = len(exploratory_positions(config.count, share))
    plans: Plans = [() for _ in participants]
    if policy is not None and n_novel:
        plans = policy.plan(participants, config.planned_clusters)
    requests = [
        RetrievalRequest(user.recent_items, plan, user.excluded_items)
        for user, plan in zip(participants, plans, strict=True)
    ]
    retrieved = retrieve_lists(
        recommender, requests, config.count + n_novel, per_cluster=config.count
    )
    return [blend(lists.ordinary, lists.novel, share, config.count) for lists in retrieved]
