"""Grounds a served plan in items: the best unseen items of each planned cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from inference.planning.combine import PlannedCluster
from training.recommender.protocol import BatchRecommender, ItemQuery, Recommender, ScoredItem


@dataclass(frozen=True)
class NovelItem:
    """One item of the exploratory list, with the plan that led to it.

    Attributes:
        item: the item, its cluster and its score by the recommender.
        plan_score: how strongly the plan asked for the cluster.
        history_clusters: members of the pair that spoke most for the cluster, ascending.
    """

    item: ScoredItem
    plan_score: float
    history_clusters: tuple[int, ...]


@dataclass(frozen=True)
class RetrievalRequest:
    """What one user's exploratory list is made from.

    Attributes:
        recent_items: of positive interactions, newest first.
        plan: planned clusters, best first.
        exclude: items that may not come back: all the user has consumed.
    """

    recent_items: Sequence[str]
    plan: Sequence[PlannedCluster]
    exclude: AbstractSet[str]


def retrieve_novel_items(
    recommender: Recommender, request: RetrievalRequest, per_cluster: int
) -> list[NovelItem]:
    """Return the exploratory list of one user; see :func:`retrieve_batch`."""
    return retrieve_batch(recommender, [request], per_cluster)[0]


def retrieve_batch(
    recommender: Recommender, requests: Sequence[RetrievalRequest], per_cluster: int
) -> list[list[NovelItem]]:
    """Return each user's exploratory list: up to ``per_cluster`` items of each planned cluster.

    The list goes round by round: the best item of every planned cluster in the order of the
    plan, then the second best of each, and so on. So a short list holds the plan's first
    clusters, and no cluster takes a second place before each has had its first.
    """
    queries = [
        ItemQuery(request.recent_items, per_cluster, (planned.cluster_id,), request.exclude)
        for request in requests
        for planned in request.plan
    ]
    answers = iter(answer_queries(recommender, queries))
    return [_take_rounds(request.plan, answers, per_cluster) for request in requests]


def answer_queries(
    recommender: Recommender, queries: Sequence[ItemQuery]
) -> list[list[ScoredItem]]:
    """Return the items of each query: in one pass where the recommender can, else one by one."""
    if isinstance(recommender, BatchRecommender):
        return recommender.answer(queries)
    return [
        recommender.top_items(query.recent_items, query.clusters, query.exclude, query.k)
        for query in queries
    ]


def _take_rounds(
    plan: Sequence[PlannedCluster], answers: Iterator[list[ScoredItem]], per_cluster: int
) -> list[NovelItem]:
    columns = [(planned, next(answers)) for planned in plan]
    return [
        NovelItem(items[place], planned.score, planned.led_by.members)
        for place in range(per_cluster)
        for planned, items in columns
        if place < len(items)
    ]
