"""Puts an answer into words: names of interests, distances, what led to what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

from inference.plans.combine import PlannedCluster, ServedPlan
from inference.release.loaded_release import LoadedRelease
from inference.serving.answers import (
    AnsweredBy,
    PlanAnswer,
    PlannedInterest,
    Reason,
    Recommendations,
    RecommendedItem,
)
from inference.serving.exploration.blend import BlendedItem, ListName
from inference.serving.person import Person
from inference.serving.request import RecommendationRequest
from training.clusters.distance import DISTANCES, KNOWN, Distance
from training.clusters.tree_view import Cluster


class Explainer:
    """Names what one person's answer is made of, by one release.

    Args:
        release: has the names.
        person: whom it is for.
    """

    def __init__(self, release: LoadedRelease, person: Person) -> None:
        self._release = release
        self._person = person

    @cached_property
    def known(self) -> set[int]:
        """The clusters that are not new to the person."""
        user = self._person.features
        return {*user.history_clusters, *user.consumed_clusters}

    def names(self, cluster_ids: Iterable[int]) -> tuple[Cluster, ...]:
        """Return clusters in words."""
        named = self._release.clusters.named
        return tuple(named[cluster_id] for cluster_id in cluster_ids)

    def distance(self, cluster_id: int) -> Distance | None:
        """Return how far a cluster is; ``None`` for a known one and where nothing is known."""
        code = int(self._person.distances[cluster_id]) if self.known else KNOWN
        return None if code == KNOWN else DISTANCES[code]

    def history(self) -> tuple[Cluster, ...]:
        """Return the person's interests, newest first."""
        return self.names(self._person.features.history_clusters)

    def planned(self, plan: ServedPlan) -> tuple[PlannedInterest, ...]:
        """Return a plan in words."""
        clusters = self._release.clusters
        return tuple(
            PlannedInterest(
                planned.cluster_id,
                clusters.descriptions[planned.cluster_id],
                clusters.shown[planned.cluster_id],
                planned.score,
                self.distance(planned.cluster_id),
                self.names(self._led_by(planned)),
                planned.cluster_id in self._person.interests.pinned,
            )
            for planned in plan.clusters
        )

    def items(
        self, plan: ServedPlan, items: Sequence[BlendedItem], usual: Reason
    ) -> tuple[RecommendedItem, ...]:
        """Return a list in words; ``usual`` is the reason of what is not planned."""
        led_by = {planned.cluster_id: self._led_by(planned) for planned in plan.clusters}
        titles = self._release.titles
        return tuple(
            RecommendedItem(
                entry.item.item_id,
                titles[entry.item.item_id],
                name_cluster(self._release, cluster := entry.item.cluster_id),
                entry.from_list,
                self._reason(entry, usual),
                self.distance(cluster),
                cluster not in self.known,
                self.names(led_by.get(cluster, ())),
                entry.probability,
            )
            for entry in items
        )

    def _led_by(self, planned: PlannedCluster) -> tuple[int, ...]:
        """Return what led to a planned cluster: to one that was only pinned, nothing."""
        members = planned.led_by.members
        return () if planned.cluster_id in members else members

    def _reason(self, entry: BlendedItem, usual: Reason) -> Reason:
        if entry.from_list is not ListName.EXPLORATORY:
            return usual
        is_pinned = entry.item.cluster_id in self._person.interests.pinned
        return Reason.PINNED if is_pinned else Reason.PLANNED


def name_cluster(release: LoadedRelease, cluster_id: int) -> Cluster:
    """Return a cluster in words."""
    return release.clusters.named[cluster_id]


def assemble_plan(
    release: LoadedRelease,
    request: RecommendationRequest,
    answered_by: AnsweredBy,
    person: Person,
    plan: ServedPlan,
) -> PlanAnswer:
    """Return the answer to a request for a plan."""
    explained = Explainer(release, person)
    return PlanAnswer(
        request.user_id,
        release.release_id,
        request.arm,
        answered_by,
        explained.history(),
        explained.planned(plan),
        len(plan.missing),
    )


def assemble_list(
    release: LoadedRelease,
    request: RecommendationRequest,
    answered_by: AnsweredBy,
    person: Person,
    plan: ServedPlan,
    items: Sequence[BlendedItem],
    usual: Reason,
) -> Recommendations:
    """Return the answer to a request for a list; ``usual`` is why ordinary items stand there."""
    explained = Explainer(release, person)
    return Recommendations(
        request.user_id,
        release.release_id,
        request.arm,
        answered_by,
        explained.history(),
        explained.planned(plan),
        len(plan.missing),
        request.exploration_share,
        request.seed or 0,
        explained.items(plan, items, usual),
    )
