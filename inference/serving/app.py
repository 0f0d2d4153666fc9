"""The HTTP service: what it is made of, and how a request is let through to it."""

from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, HTTPException
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.routing import Route

from inference.events.live_view import LiveView
from inference.features.online_features import FeatureReader
from inference.release.loaded_release import LoadedRelease
from inference.serving.browse.browse_routes import add_browse_routes
from inference.serving.catalogue_routes import add_catalogue_routes
from inference.serving.config import ServingConfig
from inference.serving.event_routes import add_event_routes
from inference.serving.features.feature_routes import add_feature_routes
from inference.serving.http.api_keys import KeyGuard, read_keys
from inference.serving.http.bounds import BodyBounds
from inference.serving.http.direct_route import DirectRoute
from inference.serving.http.metrics import Metrics
from inference.serving.http.problems import explain_problems
from inference.serving.http.request_log import RequestLog
from inference.serving.http.telemetry_switch import open_telemetry
from inference.serving.interest_routes import add_interest_routes
from inference.serving.new_items import add_item_routes
from inference.serving.recommendation_routes import USER_LIST, add_recommendation_routes
from inference.serving.release_loader import ReleaseLoader
from inference.serving.state_routes import add_state_routes

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
    folder: Path | None = None,
) -> FastAPI:
    """Return the application; while it runs, threads keep it up to date.

    One keeps it at the champion release. Another brings the live view up to the event log after
    a crash or an outage.

    Args:
        loader: holds the release in service.
        reader: reads features.
        config: defaults and bounds of requests.
        live: records events; a service without it takes none.
        folder: which all processes of the service share; absent, this one is alone.
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
        if telemetry is not None:
            telemetry.end()

    telemetry = open_telemetry(os.environ)
    app = FastAPI(
        title="Interest explorer",
        description=DESCRIPTION,
        lifespan=follow,
        docs_url=None,  # these pages load their scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,  # a redirect would name whatever host the request did
        telemetry={"tracing": False, "metrics": False, "logs": False},  # it would tell addresses
    )
    metrics = Metrics(is_shared=config.workers > 1)

    def release() -> LoadedRelease:
        status = loader.status
        if status.release is None:
            raise HTTPException(503, f"no release in service: {status.problem}")
        return status.release

    answer = add_recommendation_routes(
        app, release, reader, config, metrics, lambda: loader.exploration_share
    )
    (route,) = (one for one in app.routes if isinstance(one, Route) and one.path == USER_LIST)
    # The last one added is asked first: keys, bounds and the log stand before the direct way.
    app.add_middleware(DirectRoute, route=route, answer=answer)
    app.add_middleware(BodyBounds, max_bytes=config.max_body_bytes, seconds=config.body_seconds)
    if config.api_keys:
        app.add_middleware(KeyGuard, keys=read_keys(Path(config.api_keys)), folder=folder)
    app.add_middleware(RequestLog, metrics=metrics)
    if telemetry is not None:
        telemetry.watch(app)
    explain_problems(app)
    add_state_routes(app, loader, release, config, metrics)
    add_item_routes(app, release)
    add_browse_routes(app, release, Path(config.forgotten_users))
    add_catalogue_routes(app, release, reader)
    add_feature_routes(app, release, reader)
    if live is not None:
        add_event_routes(app, live)
        add_interest_routes(app, release, reader, live)
    return app
