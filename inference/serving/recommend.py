"""Answers a request: features, plan, restricted retrieval, blend; every shortfall has an answer."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice

from inference.features.online_features import FeatureReader
from inference.release.loaded_release import LoadedRelease
from inference.serving.answers import AnsweredBy, PlanAnswer, Reason, Recommendations
from inference.serving.assemble import assemble_list, assemble_plan
from inference.serving.exploration.blend import BlendedItem, ListName, blend
from inference.serving.exploration.policy import draw_novel, draw_novel_items
from inference.serving.exploration.retrieval import NovelItem, RetrievedLists, retrieve_lists
from inference.serving.exploration.shown_clusters import ShownClusters
from inference.serving.prepare import (
    EMPTY_PLAN,
    PreparedRequest,
    clusters_within,
    find_people,
    plan_request,
    prepare_requests,
)
from inference.serving.request import RecommendationRequest


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
    return recommend_to_all(release, reader, [request], shown)[0]


def recommend_to_all(
    release: LoadedRelease,
    reader: FeatureReader,
    requests: Sequence[RecommendationRequest],
    shown: ShownClusters | None = None,
) -> list[Recommendations]:
    """Return the lists of several users, each as :func:`make_recommendations` would.

    They are read from the store together, and the recommender is asked once for all.
    """
    now_us = time.time_ns() // 1000
    prepared = list(prepare_requests(release, reader, requests, shown, now_us))
    lists = _retrieve(release, prepared)
    for number, found in enumerate(lists):
        if found is not None and prepared[number].misses_drawn(found):
            prepared[number] = prepared[number].with_every_cluster()
            lists[number] = _retrieve(release, [prepared[number]])[0]
    return [
        _answer(release, one, found, shown, now_us)
        for one, found in zip(prepared, lists, strict=True)
    ]


def _retrieve(
    release: LoadedRelease, prepared: Sequence[PreparedRequest]
) -> list[RetrievedLists | None]:
    """Return the lists of each, asking the recommender once for all of them."""
    found = iter(
        retrieve_lists(
            release.recommender,
            [one.wanted for one in prepared if one.wanted],
            max(one.n_ordinary for one in prepared),
            per_cluster=max(one.per_cluster for one in prepared),
        )
    )
    return [next(found) if one.wanted else None for one in prepared]


def answer_plan(
    release: LoadedRelease,
    reader: FeatureReader,
    request: RecommendationRequest,
    shown: ShownClusters | None = None,
) -> PlanAnswer:
    """Return what is planned for one user, without any list."""
    now_us = time.time_ns() // 1000
    (person,) = find_people(release, reader, [request], now_us)
    plan, answered_by = plan_request(release, reader, person, request, shown, now_us)
    return assemble_plan(release, request, answered_by, person, plan)


def _answer(
    release: LoadedRelease,
    prepared: PreparedRequest,
    lists: RetrievedLists | None,
    shown: ShownClusters | None,
    now_us: int,
) -> Recommendations:
    request = prepared.request
    blended = _blend(prepared, lists) if lists else []
    if not blended:
        return _answer_popular(release, prepared)
    if shown is not None and request.user_id is not None and request.counts_as_shown:
        explored = (e.item.cluster_id for e in blended if e.from_list is ListName.EXPLORATORY)
        name = release.clusters.descriptions.__getitem__
        shown.note(request.user_id, explored, now_us, name)
    return assemble_list(
        release,
        request,
        prepared.answered_by,
        prepared.person,
        prepared.plan,
        blended,
        Reason.RECOMMENDED,
    )


def _blend(prepared: PreparedRequest, lists: RetrievedLists) -> list[BlendedItem]:
    request, policy = prepared.request, prepared.request.policy
    if prepared.drawn:
        novel = draw_novel_items(prepared.drawn, lists.novel, policy)
    else:
        novel = _draw_pinned_first(prepared, lists.novel)
    share, offset = request.exploration_share, prepared.offset
    return blend(lists.ordinary, novel, share, request.count, offset)


def _draw_pinned_first(prepared: PreparedRequest, novel: Sequence[NovelItem]) -> list[NovelItem]:
    """Return novel items as they fill positions: each pinned interest has one before others."""
    policy, luck = prepared.request.policy, iter(prepared.luck).__next__
    pinned = set(prepared.person.interests.pinned)
    if not pinned:
        return draw_novel(novel, prepared.n_novel, policy, luck)
    of_pinned = [entry for entry in novel if entry.item.cluster_id in pinned]
    n_first = min(prepared.n_novel, len({entry.item.cluster_id for entry in of_pinned}))
    first = draw_novel(of_pinned, n_first, policy, luck)
    others = [entry for entry in novel if entry.item.cluster_id not in pinned]
    rest = draw_novel(others, prepared.n_novel - n_first, policy, luck)
    return [*first[:n_first], *rest, *first[n_first:]]


def _answer_popular(release: LoadedRelease, prepared: PreparedRequest) -> Recommendations:
    request, person = prepared.request, prepared.person
    seen = {*person.features.consumed_items, *request.wanted.exclude}
    within = clusters_within(release, person, request)
    category = request.wanted.category
    barred = release.catalogue.items_outside(category) if category else frozenset()
    items = islice(
        (
            item
            for item in release.popular
            if item.item_id not in seen
            and item.item_id not in barred
            and (within is None or item.cluster_id in within)
        ),
        request.count,
    )
    answered_by = person.shortfall or AnsweredBy.NO_HISTORY
    blended = [BlendedItem(item, ListName.ORDINARY) for item in items]
    return assemble_list(release, request, answered_by, person, EMPTY_PLAN, blended, Reason.POPULAR)
