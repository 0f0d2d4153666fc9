"""The HTTP service: recommendations, health, readiness, and a page to look at them."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, HTTPException, Query, Request
from fastapi import Path as PathParameter
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse

from expectations.contracts.forgotten import read_forgotten
from expectations.contracts.interaction_rules import MAX_ID_LENGTH
from inference.events.live_view import LiveView
from inference.features.online_features import FeatureReader
from inference.plans.config import BY_SCORE, ByScore, Mix
from inference.release.loaded_release import LoadedRelease
from inference.serving.config import ServingConfig
from inference.serving.event_routes import add_event_routes
from inference.serving.new_items import add_item_routes
from inference.serving.recommend import RecommendationRequest, Recommendations, make_recommendations
from inference.serving.release_loader import ReleaseLoader
from training.clusters.distance import DISTANCES, Distance

PAGE = Path(__file__).with_name("page.html")
N_EXAMPLE_USERS = 5
"""Of the page: enough to try it without knowing an id."""
ANY, SOME = r"\d{1,9}", r"[1-9]\d{0,8}"  # weights; one of a mix is above 0
MIX_PATTERN = rf"^({BY_SCORE}|{SOME}:{ANY}:{ANY}|{ANY}:{SOME}:{ANY}|{ANY}:{ANY}:{SOME})$"
MIX = (
    "Weights of adjacent, new-family and new-field clusters among the planned, such as 1:2:2, or "
    "by_score; the release's own if absent."
)
NOVELTY = "The least distance of a planned cluster; the release's own if absent."
DESCRIPTION = "Items for a user: the ordinary list, blended with interests never touched before."


@dataclass(frozen=True)
class Problem:
    """Why a request was not answered, in one line."""

    detail: str


UNANSWERABLE: dict[int | str, dict[str, object]] = {
    422: {"model": Problem, "description": "something in the request is out of its range"},
    503: {"model": Problem, "description": "no release has been taken into service yet"},
}


@dataclass(frozen=True)
class Health:
    """The process runs."""

    status: str


@dataclass(frozen=True)
class Readiness:
    """What is served, and why the champion is not, if so."""

    ready: bool
    release_id: str | None
    version: int | None
    problem: str


@dataclass(frozen=True)
class ReleaseSummary:
    """The release in service: its id, its sizes, a few users it knows."""

    release_id: str
    version: int
    n_users: int
    n_items: int
    n_clusters: int
    example_users: tuple[str, ...]


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
    )
    _add_answers(app, loader, reader, config)
    _add_state(app, loader)
    add_item_routes(app, lambda: _release_of(loader), UNANSWERABLE)
    if live is not None:
        add_event_routes(app, live, {422: UNANSWERABLE[422]})

    @app.exception_handler(RequestValidationError)
    def explain(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        line = f"{_field_path(first['loc'])}: {first['msg']}, not {str(first.get('input'))[:40]!r}"
        return JSONResponse(asdict(Problem(line)), status_code=422)

    return app


def _field_path(location: tuple[int | str, ...]) -> str:
    """Return where in a request something is wrong, such as ``events[57].timestamp``."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in location[1:]]
    return "".join(parts).removeprefix(".") or str(location[-1])


def _add_answers(
    app: FastAPI, loader: ReleaseLoader, reader: FeatureReader, config: ServingConfig
) -> None:
    # Ids may contain slashes, hence a path; the longest possible id is taken.
    @app.get("/v1/users/{user_id:path}/recommendations", responses=UNANSWERABLE)
    def recommendations(
        user_id: str = PathParameter(min_length=1, max_length=MAX_ID_LENGTH),
        count: int = Query(config.count, ge=1, le=config.max_count),
        exploration_share: float = Query(config.exploration_share, ge=0, le=1, allow_inf_nan=False),
        novelty: Annotated[Distance | None, Query(description=NOVELTY)] = None,
        mix: Annotated[str | None, Query(pattern=MIX_PATTERN, description=MIX)] = None,
    ) -> Recommendations:
        """Recommend ``count`` items, the given share of them from novel interest clusters."""
        request = RecommendationRequest(
            user_id, count, exploration_share, config.planned_clusters, novelty, _read_mix(mix)
        )
        return make_recommendations(_release_of(loader), reader, request)

    @app.get("/v1/release", responses={503: UNANSWERABLE[503]})
    def release() -> ReleaseSummary:
        """Describe the release in service."""
        manifest = (serving := _release_of(loader)).manifest
        left_out = read_forgotten(Path(config.forgotten_users)).among(manifest.probe_users)
        known = [user for user in manifest.probe_users if user not in left_out]
        return ReleaseSummary(
            release_id=manifest.release_id,
            version=serving.version,
            n_users=manifest.counts.n_users,
            n_items=manifest.counts.n_items,
            n_clusters=manifest.counts.n_clusters,
            example_users=tuple(known[:N_EXAMPLE_USERS]),
        )


def _read_mix(text: str | None) -> Mix | ByScore | None:
    """Return the mix that a request asks for, ``None`` where it asks for none."""
    if text is None or text == BY_SCORE:
        return BY_SCORE if text else None
    weights = dict(zip(DISTANCES, text.split(":"), strict=True))
    return Mix.model_validate({name: int(weight) for name, weight in weights.items()})


def _add_state(app: FastAPI, loader: ReleaseLoader) -> None:
    @app.get("/healthz")
    def health() -> Health:
        """Say that the process runs."""
        return Health("ok")

    @app.get("/readyz", responses={503: {"model": Readiness}})
    def readiness() -> JSONResponse:
        """Say which release is served, and why the champion is not, if so."""
        status = loader.status
        serving = status.release
        state = Readiness(
            ready=serving is not None,
            release_id=serving.release_id if serving else None,
            version=serving.version if serving else None,
            problem=status.problem,
        )
        return JSONResponse(asdict(state), status_code=200 if serving else 503)

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def page() -> str:
        """Show the page on which one asks for a user's recommendations."""
        return PAGE.read_text(encoding="utf-8")


def _release_of(loader: ReleaseLoader) -> LoadedRelease:
    status = loader.status
    if status.release is None:
        raise HTTPException(503, f"no release in service: {status.problem}")
    return status.release
