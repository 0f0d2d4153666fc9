"""JSON as replies: what is absent or of another type is told with its place."""

from __future__ import annotations

from typing import Any

import pytest

from inference.client.decode import read_reply
from inference.client.errors import StrangeReplyError
from inference.client.replies import EventsReply, FeaturesReply, PlanEntry, ReadinessReply

RECEIPTS: dict[str, Any] = {
    "receipts": [{"event_id": "a", "status": "accepted"}],
    "visible": True,
}
PLANNED: dict[str, Any] = {
    "cluster_id": 3,
    "description": "jazz",
    "name": "jazz",
    "score": -1,
    "distance": None,
    "led_by": [{"cluster_id": 1, "description": "rye", "name": "rye"}],
    "is_pinned": False,
}


def test_lists_objects_and_nulls_become_what_the_types_say() -> None:
    receipts = read_reply(EventsReply, RECEIPTS)
    assert receipts.receipts[0].status == "accepted"
    planned = read_reply(PlanEntry, PLANNED)
    assert planned.led_by[0].name == "rye"
    assert planned.distance is None
    assert isinstance(planned.score, float)  # JSON writes -1 for -1.0
    features = {"release_id": "0", "user_id": "u", "history": [], "consumed_clusters": [1, 2]}
    lists = {"recent_items": [], "contexts": [[1, 2], [3]]}
    assert read_reply(FeaturesReply, features | lists).contexts == ((1, 2), (3,))


def test_a_newer_service_may_tell_more() -> None:
    newer = {"receipts": [{"event_id": "a", "status": "postponed", "why": "x"}], "visible": True}
    assert read_reply(EventsReply, newer).receipts[0].status == "postponed"


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ([], "reply: an object"),
        ({"visible": True}, "reply: receipts is absent"),
        (RECEIPTS | {"receipts": {}}, "reply.receipts: a list"),
        (
            RECEIPTS | {"receipts": [{"event_id": 1, "status": "accepted"}]},
            r"receipts\[0\].event_id",
        ),
        (RECEIPTS | {"visible": 1}, "reply.visible: bool"),
        (RECEIPTS | {"receipts": [{"event_id": "a", "status": None}]}, r"receipts\[0\].status"),
    ],
)
def test_what_is_absent_or_of_another_type_is_told_with_its_place(
    content: object, place: str
) -> None:
    with pytest.raises(StrangeReplyError, match=place):
        read_reply(EventsReply, content)


def test_a_truth_value_is_no_number() -> None:
    ready = {"ready": True, "release_id": None, "version": True, "online_store": "complete"}
    with pytest.raises(StrangeReplyError, match="version"):
        read_reply(ReadinessReply, ready | {"problem": ""})
