"""Answers a request: features, plan, restricted retrieval, blend; every shortfall has an answer."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from random import Random

import numpy as np
from numpy.typing import NDArray

from inference.events.event import RecordedEvent
from inference.features.live_history import merge_live
from inference.features.online_features import FeatureReader, UserFeatures
from inference.plans.align import align_plan
from inference.plans.combine import ServedPlan, contexts_to_look_up, plan_for
from inference.plans.config import ByScore, Mix
from inference.release.loaded_release import LoadedRelease
from inference.serving.blend import BlendedItem, ListName, blend, exploratory_positions
from inference.serving.config import ExplorationPolicy
from inference.serving.policy import ShownClusters, draw_novel, without_rested_refusals
from inference.serving.retrieval import RetrievalRequest, retrieve_lists
from inference.store.store_connections import StoreUnreachableError
from training.clusters.distance import DISTANCES, KNOWN, Distance
from training.recommender.protocol import ScoredItem

SEED_BITS = 53
"""A seed is a whole number that JavaScript keeps exactly."""


class AnsweredBy(StrEnum):
    """Which path made the answer."""

    FULL = "full"
    """Contexts of history clusters were planned for."""
    SINGLE_CLUSTER = "single_cluster"
    """The user has one history cluster; its own row was used."""
    NO_PLAN = "no_plan"
    """No novel cluster was left or no row was there: the ordinary list alone."""
    NO_HISTORY = "no_history"
    """The user is known but has liked nothing of the catalogue yet: popular items."""
    UNKNOWN_USER = "unknown_user"
    """The online store has no row for the user, of the batch or live: popular items."""
    STORE_UNREACHABLE = "store_unreachable"
    """The online store did not answer: popular items, or the ordinary list if it failed late."""


@dataclass(frozen=True)
class RecommendationRequest:
    """Whom to recommend to, how many items, what share of them is to be novel, and how far.

    ``novelty`` and ``mix`` are those of the release's plan where they are ``None``.
    """

    user_id: str
    count: int
    exploration_share: float
    planned_clusters: int
    novelty: Distance | None = None
    mix: Mix | ByScore | None = None
    seed: int | None = None
    """Repeats what chance decided; without one, each answer differs."""
    policy: ExplorationPolicy = field(default_factory=ExplorationPolicy)


@dataclass(frozen=True)
class Cluster:
    """An interest cluster in words: as the planner writes it, and as people read it."""

    cluster_id: int
    description: str
    name: str


@dataclass(frozen=True)
class PlannedInterest:
    """A novel cluster of the served plan, how far it is, and what history clusters led to it."""

    cluster_id: int
    description: str
    name: str
    score: float
    distance: Distance
    led_by: tuple[Cluster, ...]


@dataclass(frozen=True)
class RecommendedItem:
    """One item of the answer, the list it came from, and what led to it if it is planned.

    ``is_novel``: its cluster is new to the person, from whatever list it comes. ``probability``
    is that of a planned item to stand here, given the items before it; the position itself is an
    exploratory one with the exploration share for a probability.
    ``distance`` is how far its cluster is from what the user has consumed: ``None`` where the
    cluster is among that, or where nothing is known of the user.
    """

    item_id: str
    title: str
    cluster: Cluster
    from_list: ListName
    distance: Distance | None
    is_novel: bool
    led_by: tuple[Cluster, ...]
    probability: float | None


@dataclass(frozen=True)
class Recommendations:
    """The answer, made from one release only.

    ``missing_rows`` counts contexts of history clusters the plan had to do without. ``seed``
    repeats the answer, while nothing else changes.
    """

    user_id: str
    release_id: str
    answered_by: AnsweredBy
    history: tuple[Cluster, ...]
    planned: tuple[PlannedInterest, ...]
    missing_rows: int
    exploration_share: float
    seed: int
    items: tuple[RecommendedItem, ...]


def make_recommendations(
    release: LoadedRelease,
    reader: FeatureReader,
    request: RecommendationRequest,
    shown: ShownClusters | None = None,
) -> Recommendations:
    """Return items for one user from one release; no state of a user raises.

    Args:
        release: what is recommended from.
        reader: reads what is known of the user.
        request: whom to recommend to, and how much of it explores.
        shown: remembers the planned clusters that were shown; absent, none ever rests.
    """
    if request.seed is None:
        request = replace(request, seed=secrets.randbits(SEED_BITS))
    now_us = time.time_ns() // 1000
    try:
        batch = reader.read_user(release.release_id, request.user_id)
        live = reader.read_live(request.user_id)
    except StoreUnreachableError:
        return _answer_popular(release, request, AnsweredBy.STORE_UNREACHABLE, None)
    user = merge_live(batch, live, release.clusters, release.seen)
    if user is None:
        return _answer_popular(release, request, AnsweredBy.UNKNOWN_USER, None)
    if not user.history_clusters:
        return _answer_popular(release, request, AnsweredBy.NO_HISTORY, user)
    open_user = _reopen(release, user, batch, live, request.policy, now_us)
    plan, answered_by = _plan(release, reader, open_user, request, shown, now_us)
    blended = _retrieve(release, user, plan, request)
    if not blended:
        return _answer_popular(release, request, AnsweredBy.NO_HISTORY, user)
    if shown is not None:
        explored = (e.item.cluster_id for e in blended if e.from_list is ListName.EXPLORATORY)
        shown.note(request.user_id, explored, now_us)
    return _assemble(release, request, answered_by, user, plan, blended)


def _plan(
    release: LoadedRelease,
    reader: FeatureReader,
    user: UserFeatures,
    request: RecommendationRequest,
    shown: ShownClusters | None,
    now_us: int,
) -> tuple[ServedPlan, AnsweredBy]:
    config = release.plan.asked(request.novelty, request.mix)
    contexts = contexts_to_look_up(user.history_clusters, config)
    try:
        rows = reader.read_rows(release.release_id, contexts)
    except StoreUnreachableError:
        return ServedPlan((), tuple(contexts)), AnsweredBy.STORE_UNREACHABLE
    history, consumed = user.history_clusters, user.consumed_clusters
    distances, alignment = _measure(release, user), release.alignment
    whole = plan_for(contexts, history, distances, rows, config, alignment.mean_shares)
    plan = align_plan(whole, history, consumed, distances, alignment, config)
    if not plan.clusters:
        return plan, AnsweredBy.NO_PLAN
    clusters = plan.clusters
    if shown is not None:
        clusters = shown.rest(request.user_id, clusters, now_us)
    plan = replace(plan, clusters=clusters[: request.planned_clusters])
    is_single = len(user.history_clusters) == 1
    return plan, AnsweredBy.SINGLE_CLUSTER if is_single else AnsweredBy.FULL


def _measure(release: LoadedRelease, user: UserFeatures) -> NDArray[np.int8]:
    """Return the codes of how far every cluster is from what the user has consumed, [N]."""
    known = [*user.history_clusters, *user.consumed_clusters]
    return release.clusters.ancestors.distances_from(known)


def _retrieve(
    release: LoadedRelease, user: UserFeatures, plan: ServedPlan, request: RecommendationRequest
) -> list[BlendedItem]:
    consumed = set(user.consumed_items) | set(user.recent_items)
    chance = Random(request.seed)
    share, offset = request.exploration_share, chance.random()
    n_novel = len(exploratory_positions(request.count, share, offset))
    wanted = RetrievalRequest(user.recent_items, plan.clusters if n_novel else (), consumed)
    # Items of both lists are shown once, so the ordinary one needs some to spare.
    lists = retrieve_lists(
        release.recommender, [wanted], request.count + n_novel, per_cluster=request.count
    )[0]
    novel = draw_novel(lists.novel, n_novel, request.policy, chance)
    return blend(lists.ordinary, novel, share, request.count, offset)


def _reopen(
    release: LoadedRelease,
    user: UserFeatures,
    batch: UserFeatures | None,
    live: Sequence[RecordedEvent],
    policy: ExplorationPolicy,
    now_us: int,
) -> UserFeatures:
    """Return the user without the clusters whose refusal has rested: they may be planned again."""
    refused = [
        recorded.event
        for recorded in live
        if not release.seen.is_positive(recorded.event.feedback)
        and release.clusters.has_item(recorded.event.item_id)
    ]
    if not refused:
        return user
    clusters = release.clusters.clusters_of([event.item_id for event in refused]).tolist()
    known = (*user.history_clusters, *(batch.consumed_clusters if batch else ()))
    refusals = zip(clusters, (event.time_us for event in refused), strict=True)
    consumed = without_rested_refusals(
        user.consumed_clusters, known, refusals, policy.rest_days, now_us
    )
    return replace(user, consumed_clusters=consumed)


def _answer_popular(
    release: LoadedRelease,
    request: RecommendationRequest,
    answered_by: AnsweredBy,
    user: UserFeatures | None,
) -> Recommendations:
    consumed = set(user.consumed_items) if user else set()
    unseen = (item for item in release.popular if item.item_id not in consumed)
    items = [BlendedItem(item, ListName.ORDINARY) for item in _take(unseen, request.count)]
    return _assemble(release, request, answered_by, user, ServedPlan((), ()), items)


def _take(items: Iterable[ScoredItem], count: int) -> list[ScoredItem]:
    return [item for item, _ in zip(items, range(count), strict=False)]


def _assemble(
    release: LoadedRelease,
    request: RecommendationRequest,
    answered_by: AnsweredBy,
    user: UserFeatures | None,
    plan: ServedPlan,
    items: list[BlendedItem],
) -> Recommendations:
    def name(cluster_id: int) -> Cluster:
        clusters = release.clusters
        return Cluster(cluster_id, clusters.descriptions[cluster_id], clusters.shown[cluster_id])

    codes = _measure(release, user) if user else np.full(release.clusters.n_clusters, KNOWN)

    def distance(cluster_id: int) -> Distance | None:
        code = int(codes[cluster_id])
        return None if code == KNOWN else DISTANCES[code]

    known = {*user.history_clusters, *user.consumed_clusters} if user else set()
    led_by_of = {planned.cluster_id: planned.led_by for planned in plan.clusters}

    def names(cluster_ids: Iterable[int]) -> tuple[Cluster, ...]:
        return tuple(name(cluster_id) for cluster_id in cluster_ids)

    return Recommendations(
        user_id=request.user_id,
        release_id=release.release_id,
        answered_by=answered_by,
        history=names(user.history_clusters if user else ()),
        planned=tuple(
            PlannedInterest(
                planned.cluster_id,
                release.clusters.descriptions[planned.cluster_id],
                release.clusters.shown[planned.cluster_id],
                planned.score,
                DISTANCES[int(codes[planned.cluster_id])],
                names(planned.led_by.members),
            )
            for planned in plan.clusters
        ),
        missing_rows=len(plan.missing),
        exploration_share=request.exploration_share,
        seed=request.seed or 0,
        items=tuple(
            RecommendedItem(
                entry.item.item_id,
                release.titles[entry.item.item_id],
                name(entry.item.cluster_id),
                entry.from_list,
                distance(entry.item.cluster_id),
                entry.item.cluster_id not in known,
                names(led.members if (led := led_by_of.get(entry.item.cluster_id)) else ()),
                entry.probability,
            )
            for entry in items
        ),
    )
