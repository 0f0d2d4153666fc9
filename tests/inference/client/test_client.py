"""The client put to the real service over HTTP, and to one that fails in the usual ways."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
import uvicorn
import yaml
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inference.client import calls
from inference.client.client import AsyncServiceClient, ServiceClient
from inference.client.errors import (
    KeyRefusedError,
    NoAnswerError,
    NotKnownError,
    OtherReleaseServedError,
    RefusedError,
    StrangeReplyError,
    TooOftenError,
    UnavailableError,
)
from inference.client.retries import Retries
from inference.client.sent import InterestChoice, ListOptions, UserEvent
from inference.features.online_features import FeatureReader
from inference.release.release_source import ReleaseSource
from inference.serving.app import create_app
from inference.serving.config import ServingConfig
from inference.serving.http.api_keys import hash_of_key, make_key
from inference.serving.release_loader import ReleaseLoader
from pipelines.io import paths
from pipelines.online.feature_store import open_store
from pipelines.online.live_events import open_live_view
from pipelines.release.tracking import tracking_uri
from tests.inference.serving.asked_service import set_champion
from tests.servers import REPOSITORY, free_port
from tests.worlds.online.published import PublishedReleases
from tests.worlds.online.serving import NAMES, NOW, item_of

LATER = NOW + timedelta(days=1)
QUICK = Retries(attempts=3, first_wait_seconds=0.01, rng=Random(0))
ONCE = Retries(attempts=1)
PATIENCE_SECONDS = 30.0


@dataclass
class Between:
    """Stands before the service as a balancer does, and loses answers where it is told to.

    ``lost`` statuses stand in place of the next answers, whose requests the service has seen.
    """

    app: ASGIApp
    lost: list[int] = field(default_factory=list)
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self.asked.append(scope["path"])
        replaced = self.lost.pop(0) if self.lost else None

        async def answer(message: Message) -> None:
            if replaced is not None and message["type"] == "http.response.start":
                message = {**message, "status": replaced}
                message["headers"] = [*message["headers"], *self.headers]
            await send(message)

        await self.app(scope, receive, answer)


@dataclass(frozen=True)
class Service:
    """A service under way: its address, its event log, what stands before it, a key for all."""

    address: str
    log: Path
    between: Between
    key: str


@contextmanager
def listening(app: ASGIApp) -> Iterator[str]:
    """Serve an application on loopback, in a thread, and yield its address."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="on"))
    thread = threading.Thread(target=server.run)
    thread.start()
    end = time.monotonic() + PATIENCE_SECONDS
    while not server.started:
        assert time.monotonic() < end, "the service did not start"
        time.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def service(
    published: PublishedReleases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("client")
    key, entry = make_key(), {"name": "shop", "scopes": ["read", "write", "metrics"]}
    hasty = make_key()
    entries = [
        entry | {"sha256": hash_of_key(key.encode())},
        {
            "name": "hasty",
            "sha256": hash_of_key(hasty.encode()),
            "scopes": ["read"],
            "per_second": 0.1,
            "burst": 1,
        },
    ]
    keys = folder / "keys.yaml"
    keys.write_text(yaml.safe_dump(entries))
    (folder / "hasty").write_text(hasty)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(published.root)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        set_champion(published.first)
        database = Path(published.root) / paths.VAR / "feast_online.db"
        before = database.read_bytes()
        config = ServingConfig(
            shown_clusters="",
            event_log=str(folder / "events.db"),
            forgotten_users=str(folder / "forgotten.txt"),
            api_keys=str(keys),
        )
        reader = FeatureReader(open_store)
        loader = ReleaseLoader(ReleaseSource(tracking_uri()), reader, config)
        between = Between(create_app(loader, reader, config, open_live_view(config)))
        with listening(between) as address:
            yield Service(address, folder / "events.db", between, key)
        database.write_bytes(before)


@pytest.fixture
def client(service: Service) -> Iterator[ServiceClient]:
    with ServiceClient(service.address, service.key, retries=QUICK) as client:
        yield client


def test_every_question_gets_its_typed_reply(client: ServiceClient) -> None:
    release = client.send(calls.release())
    assert release.n_clusters == len(NAMES)
    options = ListOptions(count=4, exploration_share=0.5, seed=7)
    liked = client.send(calls.recommend("ann", options))
    assert (liked.user_id, liked.seed, len(liked.items)) == ("ann", 7, 4)
    assert [item.from_list for item in liked.items].count("exploratory") == 2
    assert client.send(calls.plan("ann")).answered_by == "full"
    both = client.send(calls.recommend_to_several(["ann", "nobody"], options)).answers
    assert both[0].items == liked.items
    assert both[1].answered_by == "unknown_user"
    session = client.send(calls.recommend_in_session([item_of(0, 0)]))
    assert (session.user_id, session.answered_by) == (None, "session")
    assert client.send(calls.profile("cat/with slash")).user_id == "cat/with slash"
    assert len(client.send(calls.cluster_tree()).nodes) > len(NAMES)
    similar = client.send(calls.similar_clusters(0, count=3))
    assert [like.cluster.cluster_id for like in similar.similar] != []
    item = client.send(calls.item(item_of(3, 1)))
    assert item.cluster.description == NAMES[3]
    assert client.send(calls.interest_of_item("fresh", "More jazz guitar")).cluster_id == 0
    features = client.send(calls.features_of_user("ann", release.release_id))
    row = client.send(calls.novel_clusters(features.contexts[0], 2, release.release_id))
    assert len(row.novel) == 2
    assert client.send(calls.readiness()).ready
    assert client.send(calls.health()).status == "ok"
    assert "explorer_answers_total" in client.send(calls.metrics())


def test_choices_are_made_seen_and_taken_back(client: ServiceClient) -> None:
    changed = calls.change_interests("zoe", [InterestChoice(4, "hide")], 0.4)
    assert client.send(changed).visible
    told = client.send(calls.interests("zoe"))
    assert ([c.cluster_id for c in told.hidden], told.exploration_share) == ([4], 0.4)
    client.send(calls.change_interests("zoe", [InterestChoice(4, "none")]))
    told = client.send(calls.interests("zoe"))
    assert (told.hidden, told.exploration_share) == ((), 0.4)
    client.send(calls.change_interests("zoe", [], "default"))
    assert client.send(calls.interests("zoe")).exploration_share is None


def test_an_event_whose_answer_was_lost_is_sent_again_and_counts_once(
    client: ServiceClient, service: Service
) -> None:
    event = UserEvent("ann", item_of(5, 0), LATER)
    service.between.lost[:] = [503, 502]
    reply = client.send(calls.record_event(event))
    assert (reply.event_id, reply.status) == (event.event_id, "duplicate")
    with sqlite3.connect(service.log) as log:
        (n,) = log.execute(
            "SELECT count(*) FROM events WHERE event_id = ?", [event.event_id]
        ).fetchone()
    assert n == 1
    more = [UserEvent("ann", item_of(5, place), LATER) for place in (1, 2)]
    receipts = client.send(calls.record_events([event, *more])).receipts
    assert [receipt.status for receipt in receipts] == ["duplicate", "accepted", "accepted"]


def test_two_events_never_share_an_id_and_a_time_has_a_zone() -> None:
    one, other = (UserEvent("ann", "i", LATER) for _ in range(2))
    assert one.event_id != other.event_id
    with pytest.raises(ValueError, match="zone"):
        UserEvent("ann", "i", LATER.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (calls.profile("nobody"), NotKnownError),
        (calls.item("nothing"), NotKnownError),
        (calls.features_of_user("ann", "0" * 64), OtherReleaseServedError),
        (calls.recommend("ann", ListOptions(count=10_000)), RefusedError),
    ],
)
def test_a_refusal_is_an_error_with_the_services_line_and_is_not_sent_again(
    client: ServiceClient, service: Service, call: calls.Call[object], error: type[RefusedError]
) -> None:
    before = len(service.between.asked)
    with pytest.raises(error) as caught:
        client.send(call)
    assert type(caught.value) is error
    assert caught.value.detail
    assert re.fullmatch(r"[0-9a-f]{32}", caught.value.request_id)
    assert len(service.between.asked) == before + 1


def test_without_a_key_and_with_one_that_asks_too_often(service: Service) -> None:
    with ServiceClient(service.address, retries=QUICK) as stranger:
        assert stranger.send(calls.health()).status == "ok"
        with pytest.raises(KeyRefusedError, match="valid API key"):
            stranger.send(calls.release())
    hasty = service.log.with_name("hasty").read_text()
    with ServiceClient(service.address, hasty, retries=QUICK) as often:
        with pytest.raises(KeyRefusedError, match="scope"):
            often.send(calls.record_event(UserEvent("ann", "i", LATER)))
        often.send(calls.release())
        with pytest.raises(TooOftenError):  # it would have to wait for longer than it may
            often.send(calls.release())


def test_a_status_that_passes_is_waited_for_and_one_that_stays_is_told(
    client: ServiceClient, service: Service
) -> None:
    service.between.lost[:] = [503, 504]
    assert client.send(calls.release()).n_clusters == len(NAMES)
    service.between.lost[:] = [503, 503, 503]
    with pytest.raises(UnavailableError) as caught:
        client.send(calls.release())
    assert caught.value.status == 503
    service.between.lost[:] = [500]
    with pytest.raises(UnavailableError):  # it failed on this request: once more would not help
        client.send(calls.release())
    assert service.between.lost == []


def test_nobody_there_and_nobody_who_answers_in_time() -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    missed = pytest.raises(NoAnswerError, match="GET /healthz")
    with ServiceClient(nobody, retries=QUICK) as client, missed:
        client.send(calls.health())

    async def never(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _start_and_stop(receive, send)
        else:
            await asyncio.sleep(1)

    with listening(never) as address:
        client = ServiceClient(address, timeout=0.1, retries=ONCE)
        with client, pytest.raises(NoAnswerError):
            client.send(calls.health())


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}"])
def test_an_answer_of_something_else_is_told(body: bytes) -> None:
    async def other(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _start_and_stop(receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    strange = pytest.raises(StrangeReplyError)
    with listening(other) as address, ServiceClient(address) as client, strange:
        client.send(calls.health())


async def _start_and_stop(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def test_the_async_client_does_the_same(service: Service) -> None:
    async def ask() -> None:
        async with AsyncServiceClient(service.address, service.key, retries=QUICK) as client:
            asked = [client.send(calls.recommend(user)) for user in ("ann", "ben", "zoe")]
            assert [r.user_id for r in await asyncio.gather(*asked)] == ["ann", "ben", "zoe"]
            with pytest.raises(NotKnownError):
                await client.send(calls.profile("nobody"))
            event = UserEvent("ben", item_of(5, 3), LATER)
            service.between.lost[:] = [503]
            assert (await client.send(calls.record_event(event))).status == "duplicate"
            service.between.lost[:] = [503] * 3
            with pytest.raises(UnavailableError):
                await client.send(calls.record_event(event))
        nobody = f"http://127.0.0.1:{free_port()}"
        async with AsyncServiceClient(nobody, retries=ONCE) as client:
            with pytest.raises(NoAnswerError):
                await client.send(calls.health())

    asyncio.run(ask())


def test_waits_double_within_their_bounds_and_heed_the_service() -> None:
    policy = Retries(attempts=4, first_wait_seconds=0.1, longest_wait_seconds=0.3, rng=Random(1))
    waits = [policy.wait_after(attempt, 503, None) for attempt in (1, 2, 3)]
    for wait, most in zip(waits, (0.1, 0.2, 0.3), strict=True):
        assert wait is not None
        assert most / 2 <= wait <= most
    assert policy.wait_after(4, 503, None) is None
    assert policy.wait_after(1, 404, None) is None
    assert policy.wait_after(1, None, None) is not None
    assert policy.wait_after(1, 429, "1") is None  # longer than it may wait
    assert Retries().wait_after(1, 429, "1") == 1.0


def test_a_service_below_a_path_is_asked_there() -> None:
    asked: list[bytes] = []

    async def note(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _start_and_stop(receive, send)
            return
        asked.append(scope["raw_path"])
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b'{"detail": "no"}'})

    with listening(note) as address:
        client = ServiceClient(f"{address}/shop/")
        with client, pytest.raises(NotKnownError):
            client.send(calls.profile("a/b c?"))
    assert asked == [b"/shop/v1/users/a%2Fb%20c%3F/profile"]


def test_the_example_of_the_guide_runs(
    service: Service, capsys: pytest.CaptureFixture[str], replace_in: Callable[[str], str]
) -> None:
    page = (REPOSITORY / "docs" / "guide" / "client.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(replace_in(example), "client.md", "exec"), {})
    shown = capsys.readouterr().out
    assert "accepted" in shown
    assert "new to them" in shown


@pytest.fixture
def replace_in(service: Service) -> Callable[[str], str]:
    def replace(example: str) -> str:
        assert '"http://127.0.0.1:8000"' in example
        return example.replace("http://127.0.0.1:8000", service.address).replace(
            "ie_…", service.key
        )

    return replace
