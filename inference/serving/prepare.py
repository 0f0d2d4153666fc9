"""Prepares requests: whom they are for, what is planned, what the recommender is asked."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from inference.features.online_features import FeatureReader
from inference.plans.align import align_plan
from inference.plans.combine import ServedPlan, contexts_to_look_up, plan_for
from inference.plans.config import PlanConfig
from inference.release.loaded_release import LoadedRelease
from inference.serving.answers import AnsweredBy
from inference.serving.exploration.blend import exploratory_positions
from inference.serving.exploration.policy import (
    DrawnCluster,
    draw_novel_clusters,
    items_to_draw_from,
)
from inference.serving.exploration.retrieval import RetrievalRequest, RetrievedLists
from inference.serving.exploration.shown_clusters import ShownClusters
from inference.serving.interests import honour
from inference.serving.person import Person, nobody, person_of, person_of_session
from inference.serving.request import SEED_BITS, RecommendationRequest
from inference.store.store_connections import StoreUnreachableError

EMPTY_PLAN = ServedPlan((), ())


@dataclass(frozen=True)
class PreparedRequest:
    """A request up to the recommender.

    Attributes:
        request: with a seed.
        person: whom it is for.
        plan: of novel clusters.
        answered_by: how the plan came about.
        wanted: what the recommender is asked; ``None`` where it knows nothing of the person.
        n_novel: explored positions.
        luck: all chance of the answer, two numbers for each of these.
        drawn: their clusters, where these could be drawn before items are known; items of no other
            planned cluster are then wanted.
        offset: of the explored positions.
    """

    request: RecommendationRequest
    person: Person
    plan: ServedPlan
    answered_by: AnsweredBy
    wanted: RetrievalRequest | None
    n_novel: int
    luck: tuple[float, ...]
    drawn: Sequence[DrawnCluster]
    offset: float

    @property
    def n_ordinary(self) -> int:
        """Items of the ordinary list: those of both lists are shown once, so some are to spare."""
        return self.request.count + self.n_novel

    @property
    def per_cluster(self) -> int:
        """Items of a planned cluster: none that could not be shown is looked for."""
        return min(self.request.count, items_to_draw_from(self.request.policy, self.n_novel))

    def misses_drawn(self, lists: RetrievedLists) -> bool:
        """Return whether the lists do not hold items of just the clusters that were drawn."""
        drawn = [self.plan.clusters[one.place].cluster_id for one in self.drawn]
        found = dict.fromkeys(entry.item.cluster_id for entry in lists.novel)
        return bool(drawn) and drawn != list(found)

    def with_every_cluster(self) -> PreparedRequest:
        """Return the same, clusters being drawn among those that have items."""
        wanted = self.wanted and replace(self.wanted, plan=self.plan.clusters)
        return replace(self, drawn=(), wanted=wanted)


def prepare_requests(
    release: LoadedRelease,
    reader: FeatureReader,
    requests: Sequence[RecommendationRequest],
    shown: ShownClusters | None,
    now_us: int,
) -> Iterator[PreparedRequest]:
    """Yield each request up to the recommender; the people are read from the store together."""
    people = find_people(release, reader, requests, now_us)
    for request, person in zip(requests, people, strict=True):
        if request.seed is None:
            request = replace(request, seed=secrets.randbits(SEED_BITS))
        share = person.interests.share
        if request.share_is_default and share is not None:
            request = replace(request, exploration_share=share)
        chance = Random(request.seed)
        offset = chance.random()
        n_novel = len(exploratory_positions(request.count, request.exploration_share, offset))
        plan, answered_by = plan_request(release, reader, person, request, shown, now_us)
        luck = tuple(chance.random() for _ in range(2 * n_novel))
        drawn = _draw_early(request, person, plan, n_novel, luck)
        explored = [plan.clusters[one.place] for one in drawn] or plan.clusters
        wanted = None
        if not person.shortfall:
            user, keep = person.features, request.wanted
            barred = (
                release.catalogue.items_outside(keep.category) if keep.category else frozenset()
            )
            wanted = RetrievalRequest(
                user.recent_items,
                explored if n_novel else (),
                {*user.consumed_items, *user.recent_items} | keep.exclude | barred,
                clusters_within(release, person, request),
                request.policy.popularity_weight,
            )
        yield PreparedRequest(
            request, person, plan, answered_by, wanted, n_novel, luck, drawn, offset
        )


def _draw_early(
    request: RecommendationRequest,
    person: Person,
    plan: ServedPlan,
    n_novel: int,
    luck: Sequence[float],
) -> Sequence[DrawnCluster]:
    """Return the clusters of explored positions, unless they hang on which have items at all."""
    is_filtered = request.wanted.category or person.interests.pinned
    if is_filtered or n_novel > len(plan.clusters):
        return ()
    return draw_novel_clusters(len(plan.clusters), n_novel, request.policy, iter(luck).__next__)


def find_people(
    release: LoadedRelease,
    reader: FeatureReader,
    requests: Sequence[RecommendationRequest],
    now_us: int,
) -> list[Person]:
    """Return what is known of each request's person, whoever they are, and if the store is away."""
    named = [request.user_id for request in requests if request.user_id is not None]
    try:
        rows = reader.read_people(release.release_id, named) if named else {}
    except StoreUnreachableError:
        rows = None
    people = []
    for request in requests:
        if request.user_id is None:
            people.append(person_of_session(release, request.session, request.interests))
        elif rows is None:
            people.append(nobody(release, AnsweredBy.STORE_UNREACHABLE))
        else:
            people.append(person_of(release, rows[request.user_id], request.policy, now_us))
    return people


def plan_request(
    release: LoadedRelease,
    reader: FeatureReader,
    person: Person,
    request: RecommendationRequest,
    shown: ShownClusters | None,
    now_us: int,
) -> tuple[ServedPlan, AnsweredBy]:
    """Return the clusters planned for a person, those that rest last, and how they came about."""
    if person.shortfall:
        return EMPTY_PLAN, person.shortfall
    config = release.plan.asked(request.novelty, request.mix)
    try:
        plan = _find_plan(release, reader, person, config)
    except StoreUnreachableError:
        contexts = contexts_to_look_up(person.open_features.history_clusters, config)
        return ServedPlan((), tuple(contexts)), AnsweredBy.STORE_UNREACHABLE
    clusters = plan.clusters
    if shown is not None and request.user_id is not None:
        name = release.clusters.descriptions.__getitem__
        clusters = shown.rest(request.user_id, clusters, now_us, name)
    within = request.wanted.clusters
    clusters = tuple(
        planned
        for planned in honour(release, clusters, person.interests)
        if not within or planned.cluster_id in within
    )
    plan = replace(plan, clusters=clusters[: request.planned_clusters])
    if not clusters:
        return plan, AnsweredBy.NO_PLAN
    if person.known_by:
        return plan, person.known_by
    is_single = len(person.open_features.history_clusters) == 1
    return plan, AnsweredBy.SINGLE_CLUSTER if is_single else AnsweredBy.FULL


def _find_plan(
    release: LoadedRelease, reader: FeatureReader, person: Person, config: PlanConfig
) -> ServedPlan:
    """Return a person's aligned plan; of who has done nothing since, the one made before."""
    user = person.open_features
    history, consumed = user.history_clusters, user.consumed_clusters
    is_usual = config is release.plan
    made = release.plans.find((history, consumed)) if is_usual else None
    if made is not None:
        return made
    contexts = contexts_to_look_up(history, config)
    rows = reader.read_rows(release.release_id, contexts)
    distances, alignment = person.open_distances, release.alignment
    families, reference = release.clusters.ancestors.families, alignment.reference
    whole = plan_for(contexts, history, distances, families, rows, config, reference)
    plan = align_plan(whole, history, consumed, distances, alignment, config)
    if is_usual and not plan.missing:  # a row that is missing may be there the next time
        release.plans.add((history, consumed), plan)
    return plan


def clusters_within(
    release: LoadedRelease, person: Person, request: RecommendationRequest
) -> tuple[int, ...] | None:
    """Return the clusters that items may be of; ``None`` where they may be of any."""
    asked, hidden = request.wanted.clusters, person.interests.hidden
    if not asked and not hidden:
        return None
    known = set(range(release.clusters.n_clusters))
    return tuple(sorted((known & asked if asked else known) - hidden))
