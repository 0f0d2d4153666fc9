"""The HTTP service: what it is made of, and how a request is let through to it."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import anyio
import anyio.to_thread
import orjson
from fastapi import FastAPI, HTTPException, Query, Response
from starlette.convertors import PathConvertor, register_url_convertor

from inference.events.identifier import Identifier
from inference.events.live_view import LiveView
from inference.features.online_features import FeatureReader
from inference.release.loaded_release import LoadedRelease
from inference.serving.config import ServingConfig
from inference.serving.event_routes import add_event_routes
from inference.serving.http.api_keys import KeyGuard, read_keys
from inference.serving.http.bounds import BodyBounds
from inference.serving.http.metrics import Metrics
from inference.serving.http.problems import NO_RELEASE, OUT_OF_RANGE, explain_problems
from inference.serving.http.request_log import RequestLog
from inference.serving.mix import MIX, MIX_PATTERN, NOVELTY, read_mix
from inference.serving.new_items import add_item_routes
from inference.serving.policy import ShownClusters
from inference.serving.recommend import (
    SEED_BITS,
    RecommendationRequest,
    Recommendations,
    make_recommendations,
)
from inference.serving.release_loader import ReleaseLoader
from inference.serving.state_routes import add_state_routes
from training.clusters.distance import Distance

DESCRIPTION = "Items for a user: the ordinary list, blended with interests never touched before."


class AnythingConvertor(PathConvertor):
    """Takes every character of a path, line ends too, so that the rule on ids refuses them."""

    regex = "(?s:.*)"


register_url_convertor("anything", AnythingConvertor())


def create_app(
    loader: ReleaseLoader,
    reader: FeatureReader,
    config: ServingConfig,
    live: LiveView | None = None,
) -> FastAPI:
    """Return the application; while it runs, threads keep it up to date.

    One keeps it at the champion release. Another brings the live view up to the event log after
    a crash or an outage.

    Args:
        loader: holds the release in service.
        reader: reads features.
        config: defaults and bounds of requests.
        live: records events; a service without it takes none.
    """

    @asynccontextmanager
    async def follow(_: FastAPI) -> AsyncIterator[None]:
        loader.refresh()
        stop = threading.Event()
        followers = [threading.Thread(target=loader.follow, args=(stop,), daemon=True)]
        if live is not None:
            arguments = (stop, config.heal_seconds)
            followers.append(threading.Thread(target=live.follow, args=arguments, daemon=True))
        for follower in followers:
            follower.start()
        yield
        stop.set()
        for follower in followers:
            follower.join()

    app = FastAPI(
        title="Interest explorer",
        description=DESCRIPTION,
        lifespan=follow,
        docs_url=None,  # these pages load their scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # a redirect would name whatever host the request did
    )
    app.add_middleware(BodyBounds, max_bytes=config.max_body_bytes, seconds=config.body_seconds)
    if config.api_keys:
        app.add_middleware(KeyGuard, keys=read_keys(Path(config.api_keys)))
    metrics = Metrics(is_shared=config.workers > 1)
    app.add_middleware(RequestLog, metrics=metrics)
    explain_problems(app)

    def release() -> LoadedRelease:
        status = loader.status
        if status.release is None:
            raise HTTPException(503, f"no release in service: {status.problem}")
        return status.release

    _add_answers(app, release, reader, config, metrics)
    add_state_routes(app, loader, release, config, metrics)
    add_item_routes(app, release)
    if live is not None:
        add_event_routes(app, live)
    return app


def _add_answers(
    app: FastAPI,
    release: Callable[[], LoadedRelease],
    reader: FeatureReader,
    config: ServingConfig,
    metrics: Metrics,
) -> None:
    run = _runner(config.request_threads)
    shown = ShownClusters(config.exploration)

    # Ids may contain slashes, hence a path.
    @app.get(
        "/v1/users/{user_id:anything}/recommendations",
        response_model=Recommendations,
        responses=OUT_OF_RANGE | NO_RELEASE,
    )
    async def recommendations(
        user_id: Identifier,
        count: int = Query(config.count, ge=1, le=config.max_count),
        exploration_share: float = Query(config.exploration_share, ge=0, le=1, allow_inf_nan=False),
        novelty: Annotated[Distance | None, Query(description=NOVELTY)] = None,
        mix: Annotated[str | None, Query(pattern=MIX_PATTERN, description=MIX)] = None,
        seed: int | None = Query(None, ge=0, lt=2**SEED_BITS),
    ) -> Response:
        """Recommend ``count`` items, the given share of them from novel interest clusters.

        Which planned interest stands where is drawn anew for each answer; ``seed`` repeats it.
        """
        request = RecommendationRequest(
            user_id,
            count,
            exploration_share,
            config.planned_clusters,
            novelty,
            read_mix(mix),
            seed=seed,
            policy=config.exploration,
        )
        serving = release()

        def answer() -> bytes:
            made = make_recommendations(serving, reader, request, shown)
            metrics.answers.labels(made.answered_by).inc()
            for item in made.items:
                metrics.items.labels(item.from_list).inc()
            return orjson.dumps(made)

        return Response(await run(answer), media_type="application/json")


def _runner(n_threads: int) -> Callable[[Callable[[], bytes]], Awaitable[bytes]]:
    """Return what runs the work of a request: at once, or in one of ``n_threads`` threads.

    Handing work to a thread and back costs about a fifth of a request, and Python runs one thread
    at a time in any case; threads are for a recommender that waits for others.
    """
    if n_threads == 0:

        async def run_here(work: Callable[[], bytes]) -> bytes:
            return work()

        return run_here
    limiter = anyio.CapacityLimiter(n_threads)

    async def run_in_thread(work: Callable[[], bytes]) -> bytes:
        return await anyio.to_thread.run_sync(work, limiter=limiter)

    return run_in_thread
