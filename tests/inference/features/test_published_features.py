"""What Feast answers of releases and contexts: in any order, and an error where there is none."""

from __future__ import annotations

import pytest
from feast.protos.feast.types.Value_pb2 import Value

from inference.features.online_features import PLAN_SERVICE, USER_SERVICE
from inference.features.published_features import NoSuchRowsError, order_contexts
from inference.release.manifest import read_manifest
from pipelines.io import paths
from pipelines.online.feature_store import open_store

pytestmark = pytest.mark.usefixtures("tree")

WRONG = "0" * 64


def ask(service: str, **columns: list[str]) -> dict[str, list[object]]:
    store = open_store()
    found: dict[str, list[object]] = store.get_online_features(
        store.get_feature_service(service), columns
    ).to_dict()
    return found


def test_clusters_of_a_context_come_in_any_order() -> None:
    release_id = read_manifest(paths.RELEASE).release_id
    found = ask(PLAN_SERVICE, release_id=[release_id] * 3, context_key=["1_3", "3_1", "5"])
    assert found["context_key"] == ["1_3", "1_3", "5"]
    assert found["novel_clusters"][0] == found["novel_clusters"][1]
    assert found["novel_clusters"][2]


@pytest.mark.parametrize("key", ["3_3", "1_2_3", "a", "", "-1"])
def test_what_is_no_context_is_an_error(key: str) -> None:
    release_id = read_manifest(paths.RELEASE).release_id
    with pytest.raises(NoSuchRowsError, match="in any order"):
        ask(PLAN_SERVICE, release_id=[release_id], context_key=[key])


def test_a_release_that_is_not_online_is_an_error_and_an_unknown_user_is_none() -> None:
    release_id = read_manifest(paths.RELEASE).release_id
    found = ask(USER_SERVICE, release_id=[release_id] * 2, user_id=["ann", "nobody"])
    assert found["history_clusters"] == [[1, 0], None]
    with pytest.raises(NoSuchRowsError, match=WRONG) as refused:
        ask(USER_SERVICE, release_id=[release_id, WRONG], user_id=["ann", "ann"])
    assert refused.value.http_status_code() == 404
    with pytest.raises(NoSuchRowsError, match=WRONG):
        ask(PLAN_SERVICE, release_id=[WRONG], context_key=["1_3"])


def test_every_form_of_a_request_is_understood() -> None:
    rows = [{"release_id": "r", "context_key": "3_1"}, {"user_id": "ann"}]
    assert order_contexts(rows) == [{"release_id": "r", "context_key": "1_3"}, {"user_id": "ann"}]
    values = {"context_key": [Value(string_val="3_1")]}
    assert order_contexts(values) == {"context_key": ["1_3"]}
