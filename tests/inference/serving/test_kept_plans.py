"""A plan is made once for a past, and anew as soon as the past, the request or its rows differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from expectations.contracts.values import ClusterContext
from inference.features.online_features import FeatureReader
from inference.plans.config import Mix
from inference.release.loaded_release import LoadedRelease
from inference.release.release_source import ReleaseSource
from inference.serving.recommend import answer_plan, make_recommendations
from inference.serving.release_loader import ReleaseLoader
from inference.serving.request import RecommendationRequest
from inference.table.plan_table import TableRow
from pipelines.online.feature_store import open_store
from pipelines.release.tracking import tracking_uri
from tests.inference.serving.asked_service import CONFIG, set_champion
from tests.worlds.online.published import PublishedReleases


class CountingReader(FeatureReader):
    """Counts requests for rows; the rows of ``lost`` are not there."""

    def __init__(self) -> None:
        super().__init__(open_store)
        self.n_reads = 0
        self.lost: set[ClusterContext] = set()

    def fetch_rows(
        self, release_id: str, contexts: Sequence[ClusterContext]
    ) -> dict[ClusterContext, TableRow]:
        """Read rows."""
        self.n_reads += 1
        found = super().fetch_rows(release_id, contexts)
        return {context: row for context, row in found.items() if context not in self.lost}


@pytest.fixture
def reader() -> CountingReader:
    return CountingReader()


@pytest.fixture
def release(tree: PublishedReleases, reader: CountingReader) -> LoadedRelease:
    set_champion(tree.first)
    loader = ReleaseLoader(ReleaseSource(tracking_uri()), reader, CONFIG)
    loader.refresh()
    assert loader.status.release is not None
    reader.n_reads = 0
    return replace(loader.status.release)  # which has planned for nobody yet


def request(user_id: str = "ann", mix: Mix | None = None) -> RecommendationRequest:
    return RecommendationRequest(
        user_id, 4, exploration_share=0.5, planned_clusters=2, seed=0, mix=mix
    )


def test_who_did_nothing_since_is_planned_for_once(
    release: LoadedRelease, reader: CountingReader
) -> None:
    first = make_recommendations(release, reader, request())
    n_reads = reader.n_reads
    assert make_recommendations(release, reader, request()) == first
    assert answer_plan(release, reader, request()).planned == first.planned
    assert n_reads == reader.n_reads == 1


def test_a_mix_of_ones_own_is_planned_for_itself(
    release: LoadedRelease, reader: CountingReader
) -> None:
    usual = answer_plan(release, reader, request("ben"))
    far = Mix(adjacent=0, new_family=0, new_field=1)
    other = answer_plan(release, reader, request("ben", far))
    assert {planned.distance for planned in other.planned} == {"new_field"}
    assert answer_plan(release, reader, request("ben")) == usual != other


def test_a_plan_that_lacks_a_row_is_made_again(
    release: LoadedRelease, reader: CountingReader
) -> None:
    reader.lost = {ClusterContext((0, 1))}
    assert answer_plan(release, reader, request()).missing_rows == 1
    reader.lost = set()
    assert answer_plan(release, reader, request()).missing_rows == 0
