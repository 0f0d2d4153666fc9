"""The routes that recommend: for a user, for several, for a session; and the plan alone."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Annotated

import anyio
import anyio.to_thread
import orjson
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import HTTPException
from pydantic import BaseModel, ConfigDict, Field

from expectations.contracts.interaction_rules import is_id
from inference.events.identifier import Identifier
from inference.features.online_features import FeatureReader
from inference.release.loaded_release import LoadedRelease
from inference.serving.answers import (
    PlanAnswer,
    RecommendationBatch,
    Recommendations,
    impression_of,
)
from inference.serving.config import ServingConfig
from inference.serving.examples import BATCH_EXAMPLE, LIST_EXAMPLE, PLAN_EXAMPLE
from inference.serving.exploration.shown_clusters import open_shown
from inference.serving.http.answer_examples import answered
from inference.serving.http.direct_route import Answer, KnownQueries
from inference.serving.http.metrics import Metrics
from inference.serving.http.problems import (
    NO_RELEASE,
    OUT_OF_RANGE,
    UNREADABLE_BODY,
)
from inference.serving.options import MAX_CLUSTER, Options, make_options
from inference.serving.recommend import answer_plan, make_recommendations, recommend_to_all
from inference.serving.request import RecommendationRequest

MAX_USERS = 100
"""Of a batch: others wait for the whole of it, a tenth of a second or two."""
MAX_SESSION = 200
"""Items of a session, newest first; the recommender reads fewer."""
MAX_INTERESTS = 50
"""Chosen interests: more than a page of sign-up shows."""
USER_LIST = "/v1/users/{user_id:anything}/recommendations"
"""Ids may contain slashes, hence a path."""
Work = Callable[[], bytes]
impressions = logging.getLogger("impressions")


class UserBatch(BaseModel):
    """Users who each get a list."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", json_schema_extra={"example": {"users": ["ann", "ben"]}}
    )

    users: tuple[Identifier, ...] = Field(min_length=1, max_length=MAX_USERS)


class Session(BaseModel):
    """Somebody unknown: items liked in this session, newest first, and interests they chose.

    What the release does not know is passed over; where nothing is left, the answer is popular
    items.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={"example": {"items": ["item-0000042"], "interests": [3]}},
    )

    items: tuple[Identifier, ...] = Field(default=(), max_length=MAX_SESSION)
    interests: tuple[Annotated[int, Field(strict=True, ge=0, le=MAX_CLUSTER)], ...] = Field(
        default=(), max_length=MAX_INTERESTS
    )


def add_recommendation_routes(
    app: FastAPI,
    release: Callable[[], LoadedRelease],
    reader: FeatureReader,
    config: ServingConfig,
    metrics: Metrics,
    usual_share: Callable[[], float],
) -> Answer:
    """Let ``app`` recommend; return what answers for a user past it, where that can be done.

    Args:
        app: the application.
        release: returns the release in service.
        reader: reads features.
        config: defaults and bounds of requests.
        metrics: of the service.
        usual_share: returns the exploration share where nobody says.
    """
    run = _runner(config.request_threads)
    policy = config.exploration
    shown = open_shown(
        policy.rest_after, policy.rest_days, policy.remembered_users, config.shown_clusters
    )
    options = Depends(make_options(config))
    refused = OUT_OF_RANGE | NO_RELEASE
    known: KnownQueries[Options] = KnownQueries()

    def note(made: Recommendations, request: RecommendationRequest) -> None:
        metrics.answers.labels(made.answered_by, made.arm).inc()
        for name, count in Counter(item.from_list for item in made.items).items():
            metrics.items.labels(name).inc(count)
        if config.log_impressions and request.counts_as_shown:
            usual = request.share_is_default and made.exploration_share == request.exploration_share
            shown_now = impression_of(made, time.time_ns() // 1000, usual)
            impressions.info("%s", orjson.dumps(shown_now).decode())

    async def recommend(serving: LoadedRelease, request: RecommendationRequest) -> bytes:
        def answer() -> bytes:
            made = make_recommendations(serving, reader, request, shown)
            note(made, request)
            return orjson.dumps(made)

        return await run(answer)

    async def recommend_directly(user_id: str, query: bytes) -> bytes | None:
        asked = known.find(query)
        if asked is None or not is_id(user_id):
            return None
        try:
            serving = release()
        except HTTPException:
            return None
        return await recommend(serving, asked.request_for(user_id, config, usual_share()))

    @app.get(
        USER_LIST,
        response_model=Recommendations,
        responses=answered(LIST_EXAMPLE) | refused,
    )
    async def recommendations(
        user_id: Identifier, sent: Request, asked: Options = options
    ) -> Response:
        """Recommend ``count`` items, the given share of them from novel interest clusters.

        Which planned interest stands where is drawn anew for each answer; ``seed`` repeats it.
        """
        known.add(sent.scope["query_string"], asked)
        made = await recommend(release(), asked.request_for(user_id, config, usual_share()))
        return Response(made, media_type="application/json")

    @app.get(
        "/v1/users/{user_id:anything}/plan",
        response_model=PlanAnswer,
        responses=answered(PLAN_EXAMPLE) | refused,
    )
    async def plan(user_id: Identifier, asked: Options = options) -> Response:
        """Say which novel interests are planned for a user, without any list."""
        serving, request = release(), asked.request_for(user_id, config, usual_share())

        def answer() -> bytes:
            return orjson.dumps(answer_plan(serving, reader, request, shown))

        return Response(await run(answer), media_type="application/json")

    @app.post(
        "/v1/recommendations/session",
        response_model=Recommendations,
        responses=answered(LIST_EXAMPLE | {"user_id": None}) | refused | UNREADABLE_BODY,
    )
    async def session_recommendations(session: Session, asked: Options = options) -> Response:
        """Recommend to somebody of whom only a session's items, or chosen interests, are known."""
        serving = release()
        known = serving.clusters.n_clusters
        interests = tuple(c for c in dict.fromkeys(session.interests) if c < known)
        request = asked.request_for(None, config, usual_share())
        request = replace(request, session=session.items, interests=interests)
        return Response(await recommend(serving, request), media_type="application/json")

    @app.post(
        "/v1/recommendations/batch",
        response_model=RecommendationBatch,
        responses=answered(BATCH_EXAMPLE) | refused | UNREADABLE_BODY,
    )
    async def batch_recommendations(batch: UserBatch, asked: Options = options) -> Response:
        """Recommend to several users at once, in their order, each as if asked for alone."""
        serving = release()
        requests = [asked.request_for(user_id, config, usual_share()) for user_id in batch.users]

        def answer() -> bytes:
            made = recommend_to_all(serving, reader, requests, shown)
            for one, request in zip(made, requests, strict=True):
                note(one, request)
            return orjson.dumps(RecommendationBatch(tuple(made)))

        return Response(await run(answer), media_type="application/json")

    return recommend_directly


def _runner(n_threads: int) -> Callable[[Work], Awaitable[bytes]]:
    """Return what runs the work of a request: at once, or in one of ``n_threads`` threads.

    Handing work to a thread and back costs about a fifth of a request, and Python runs one thread
    at a time in any case; threads are for a recommender that waits for others.
    """
    if n_threads == 0:

        async def run_here(work: Work) -> bytes:
            return work()

        return run_here
    limiter = anyio.CapacityLimiter(n_threads)

    async def run_in_thread(work: Work) -> bytes:
        return await anyio.to_thread.run_sync(work, limiter=limiter)

    return run_in_thread
