"""The two lists: planned clusters only, round by round, and the ordinary, from any recommender."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from expectations.contracts.values import ClusterContext
from inference.plans.combine import PlannedCluster
from inference.serving.exploration.retrieval import RetrievalRequest, RetrievedLists, retrieve_lists
from tests.worlds import recommender as world
from training.recommender.model.recommender import SequenceRecommender
from training.recommender.protocol import BatchRecommender, Recommender, ScoredItem

ITEMS = st.sampled_from(world.make_layout().item_ids)


class Alphabetical:
    """A team's own recommender: the later in the alphabet, the better."""

    item_ids = world.make_layout().item_ids

    def top_items(
        self,
        recent_items: Sequence[str],
        clusters: Sequence[int] | None,
        exclude: AbstractSet[str],
        k: int,
    ) -> list[ScoredItem]:
        within = range(world.N_CLUSTERS) if clusters is None else clusters
        found = [
            ScoredItem(item, "abcd".index(item[-1]), float(score))
            for score, item in enumerate(sorted(self.item_ids))
            if "abcd".index(item[-1]) in within and item not in exclude
        ]
        return sorted(found, key=lambda item: -item.score)[:k]


@pytest.fixture(scope="module")
def fitted(compiled_search: None) -> SequenceRecommender:
    torch.set_num_threads(1)
    return world.fit_small(config=world.SMALL.model_copy(update={"max_epochs": 1}))


def plan_of(clusters: list[int]) -> list[PlannedCluster]:
    context = ClusterContext.of(8, 9)
    return [PlannedCluster(c, -float(n), context) for n, c in enumerate(clusters)]


REQUESTS = st.builds(
    RetrievalRequest,
    recent_items=st.lists(ITEMS, min_size=1, max_size=5),
    plan=st.lists(st.integers(0, world.N_CLUSTERS - 1), unique=True).map(plan_of),
    exclude=st.frozensets(ITEMS),
    popularity_weight=st.sampled_from([0.0, 10.0]),
)


def test_a_foreign_recommender_of_one_method_is_enough() -> None:
    own = Alphabetical()
    assert isinstance(own, Recommender)
    assert not isinstance(own, BatchRecommender)
    request = RetrievalRequest(["i00a"], plan_of([2, 0]), {"i09c"})
    lists = retrieve_lists(own, [request], n_ordinary=3, per_cluster=2)[0]
    found = lists.novel
    assert [item.item_id for item in lists.ordinary] == ["i09d", "i09b", "i09a"]
    assert [novel.item.item_id for novel in found] == ["i08c", "i09a", "i07c", "i08a"]
    assert [novel.plan_score for novel in found] == [0.0, -1.0, 0.0, -1.0]
    assert {novel.led_by.members for novel in found} == {(8, 9)}


@given(st.lists(REQUESTS, max_size=4), st.integers(1, 12))
def test_batches_answer_each_request_as_if_alone(
    fitted: SequenceRecommender, requests: list[RetrievalRequest], per_cluster: int
) -> None:
    batch = retrieve_lists(fitted, requests, 7, per_cluster)
    for request, lists in zip(requests, batch, strict=True):
        alone = retrieve_lists(fitted, [request], 7, per_cluster)[0]
        found = lists.novel
        assert [n.item.item_id for n in found] == [n.item.item_id for n in alone.novel]
        ordinary = fitted.top_items(request.recent_items, None, request.exclude, 7)
        assert [i.item_id for i in lists.ordinary] == [i.item_id for i in ordinary]
        items = [novel.item.item_id for novel in found]
        assert len(set(items)) == len(items)
        assert not set(items) & request.exclude
        for planned in request.plan:
            own = [n for n in found if n.item.cluster_id == planned.cluster_id]
            open_items = world.RING - sum(
                "abcd".index(item[-1]) == planned.cluster_id for item in request.exclude
            )
            assert len(own) == min(per_cluster, open_items)
            assert all(n.plan_score == planned.score for n in own)
            assert [n.item.score for n in own] == sorted((n.item.score for n in own), reverse=True)
        first_round = [n.item.cluster_id for n in found[: len({n.item.cluster_id for n in found})]]
        order = [planned.cluster_id for planned in request.plan]
        assert first_round == [cluster for cluster in order if cluster in first_round]


def test_nothing_known_gives_nothing(fitted: SequenceRecommender) -> None:
    stranger = RetrievalRequest([], plan_of([1]), set())
    assert retrieve_lists(fitted, [stranger], 3, 3) == [RetrievedLists([], [])]
    without_plan = retrieve_lists(fitted, [RetrievalRequest(["i00a"], [], set())], 3, 3)[0]
    assert (len(without_plan.ordinary), without_plan.novel) == (3, [])
