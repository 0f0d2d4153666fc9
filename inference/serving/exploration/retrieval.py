"""Gets both lists of a user: the ordinary one, and the best unseen items of planned clusters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple, cast

from expectations.contracts.values import ClusterContext
from inference.plans.combine import PlannedCluster
from training.recommender.protocol import BatchRecommender, ItemQuery, Recommender, ScoredItem


class NovelItem(NamedTuple):
    """One item of the exploratory list, with the plan that led to it.

    Attributes:
        item: the item, its cluster and its score by the recommender.
        plan_score: the cluster's combined score in the plan.
        led_by: the context of history clusters with the largest share in that score.
        probability: of standing where it does, given what stands before it.
    """

    item: ScoredItem
    plan_score: float
    led_by: ClusterContext
    probability: float = 1.0


@dataclass(frozen=True)
class RetrievalRequest:
    """What one user's lists are made from.

    Attributes:
        recent_items: of positive interactions, newest first.
        plan: planned clusters, best first; none where nothing novel is wanted.
        exclude: items that may not come back: all the user has consumed.
        within: clusters that ordinary items are of; ``None`` for the whole catalogue.
        popularity_weight: of the logarithm of likes in the scores of planned clusters' items.
    """

    recent_items: Sequence[str]
    plan: Sequence[PlannedCluster]
    exclude: AbstractSet[str]
    within: Sequence[int] | None = None
    popularity_weight: float = 0.0


@dataclass(frozen=True)
class RetrievedLists:
    """The two lists that an answer is blended from, best first.

    Attributes:
        ordinary: the best items of the whole catalogue, or of the clusters asked for.
        novel: the best items of the planned clusters, round by round: the best item of every
            planned cluster in the order of the plan, then the second best of each, and so on. So
            a short list holds the plan's first clusters, and no cluster has a second item
            before each has had its first.
    """

    ordinary: list[ScoredItem]
    novel: list[NovelItem]


def retrieve_lists(
    recommender: Recommender,
    requests: Sequence[RetrievalRequest],
    n_ordinary: int,
    per_cluster: int,
) -> list[RetrievedLists]:
    """Return the lists of each user, none of whose items is excluded.

    All is asked at once, so that a recommender which can reads each history only once.

    Args:
        recommender: ours or a team's own.
        requests: of the users.
        n_ordinary: items of the ordinary list at most.
        per_cluster: items of each planned cluster at most.
    """
    queries = []
    for request in requests:
        recent, exclude = request.recent_items, request.exclude
        queries.append(ItemQuery(recent, n_ordinary, request.within, exclude))
        queries += [
            ItemQuery(
                recent, per_cluster, (planned.cluster_id,), exclude, request.popularity_weight
            )
            for planned in request.plan
        ]
    answers = iter(_answer(recommender, queries))
    return [
        RetrievedLists(next(answers), _take_rounds(request.plan, answers, per_cluster))
        for request in requests
    ]


def _answer(recommender: Recommender, queries: Sequence[ItemQuery]) -> list[list[ScoredItem]]:
    """Return the items of each query: in one pass where the recommender can, else one by one."""
    if hasattr(recommender, "answer"):  # isinstance would look for every member of the protocol
        return cast(BatchRecommender, recommender).answer(queries)
    return [
        recommender.top_items(query.recent_items, query.clusters, query.exclude, query.k)
        for query in queries
    ]


def _take_rounds(
    plan: Sequence[PlannedCluster], answers: Iterator[list[ScoredItem]], per_cluster: int
) -> list[NovelItem]:
    columns = [(planned, next(answers)) for planned in plan]
    return [
        NovelItem(items[rank], planned.score, planned.led_by)
        for rank in range(per_cluster)
        for planned, items in columns
        if rank < len(items)
    ]
