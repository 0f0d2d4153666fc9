"""What each arm of the experiment shows: the ordinary list, with or without planned clusters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from inference.experiment.config import ExperimentConfig
from inference.experiment.participants import Participant
from inference.plans.align import align_plan
from inference.plans.combine import PlannedCluster, contexts_to_look_up, plan_for
from inference.plans.config import PlanConfig
from inference.serving.blend import BlendedItem, blend, exploratory_positions
from inference.serving.retrieval import RetrievalRequest, retrieve_lists
from inference.table.plan_table import PlanTable
from training.alignment.alignment import Alignment
from training.recommender.protocol import Recommender


class Arm(StrEnum):
    """The two arms."""

    CONTROL = "control"
    EXPLORATION = "exploration"


@dataclass(frozen=True)
class System:
    """What is under test, as it would be served.

    Attributes:
        recommender: ours or a team's own.
        table: the novel-cluster table.
        plan: how its rows are combined, and how many of its clusters are aligned.
        alignment: puts those in the order that suits a user.
        cluster_of_item: the serving cluster of every item.
    """

    recommender: Recommender
    table: PlanTable
    plan: PlanConfig
    alignment: Alignment
    cluster_of_item: Mapping[str, int]


def answer_requests(
    arm: Arm, system: System, participants: Sequence[Participant], config: ExperimentConfig
) -> list[list[BlendedItem]]:
    """Return each participant's list, up to ``config.count`` items, made as the service makes it.

    In the control arm the exploration share is zero; everything else is the same.
    """
    share = config.exploration_share if arm is Arm.EXPLORATION else 0.0
    n_novel = len(exploratory_positions(config.count, share))
    requests = [
        RetrievalRequest(
            user.recent_items,
            _plan(system, user, config) if n_novel else (),
            user.excluded_items,
        )
        for user in participants
    ]
    retrieved = retrieve_lists(
        system.recommender, requests, config.count + n_novel, per_cluster=config.count
    )
    return [blend(lists.ordinary, lists.novel, share, config.count) for lists in retrieved]


def _plan(
    system: System, user: Participant, config: ExperimentConfig
) -> tuple[PlannedCluster, ...]:
    contexts = contexts_to_look_up(user.history_clusters, system.plan)
    rows = {context: row for context in contexts if (row := system.table.row(context)) is not None}
    consumed = sorted(user.consumed_clusters)
    history = user.history_clusters
    whole = plan_for(contexts, history, consumed, rows, system.plan)
    plan = align_plan(whole, history, consumed, system.alignment, system.plan.best_of)
    return plan.clusters[: config.planned_clusters]
