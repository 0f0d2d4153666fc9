"""Whether the service runs, whether it is ready, which release it answers from, and its page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse, Response

from expectations.contracts.forgotten import read_forgotten
from inference.release.loaded_release import LoadedRelease
from inference.release.manifest import GateVerdict
from inference.serving.config import ServingConfig
from inference.serving.http.answer_examples import Example, answered
from inference.serving.http.metrics import CONTENT_TYPE, Metrics
from inference.serving.http.problems import NO_RELEASE, problem
from inference.serving.release_loader import ReleaseLoader, StoreState

PAGE = Path(__file__).with_name("page")
PAGE_FILES = {file.name: file for file in PAGE.iterdir() if file.suffix in (".css", ".js")}
GATES_EXAMPLE: Example = {
    "release_id": "0" * 64,
    "gates": [
        {
            "guard": "planner_figures",
            "metric": "match_rate",
            "figure": 0.99,
            "minimum": 0.95,
            "maximum": None,
            "severity": "block",
            "passed": True,
            "reason": "",
        }
    ],
}
N_EXAMPLE_USERS = 5
"""Of the page: enough to try it without knowing an id."""


@dataclass(frozen=True)
class Health:
    """The process runs."""

    status: str


@dataclass(frozen=True)
class Readiness:
    """Whether requests are answered as they should be, and why the champion is not served, if so.

    ``online_store`` is ``unreachable`` where it did not answer lately: requests then get popular
    items, and the service stays ready. With rows missing nobody would be known: it is not ready.
    """

    ready: bool
    release_id: str | None
    version: int | None
    online_store: StoreState
    problem: str


@dataclass(frozen=True)
class ReleaseSummary:
    """The release in service: its id, its sizes, a few users it knows.

    ``data_until``: what it was built from ends before that time.
    """

    release_id: str
    version: int
    n_users: int
    n_items: int
    n_clusters: int
    data_until: datetime
    example_users: tuple[str, ...]


@dataclass(frozen=True)
class GatesAnswer:
    """What the gates said of the release in service, each with the figure it met and its bounds."""

    release_id: str
    gates: tuple[GateVerdict, ...]


def add_state_routes(
    app: FastAPI,
    loader: ReleaseLoader,
    release: Callable[[], LoadedRelease],
    config: ServingConfig,
    metrics: Metrics,
) -> None:
    """Let ``app`` tell its state. These routes wait for nothing, so probes are always answered.

    Args:
        app: the application.
        loader: says what is served and whether the online store has its rows.
        release: returns the release in service.
        config: where the list of forgotten people lies.
        metrics: of the service.
    """

    @app.get("/healthz")
    async def health() -> Health:
        """Say that the process runs."""
        return Health("ok")

    @app.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness}})
    async def readiness() -> JSONResponse:
        """Say which release is served, and why the champion is not, if so."""
        status = loader.status
        serving = status.release
        state = Readiness(
            ready=status.is_ready,
            release_id=serving.release_id if serving else None,
            version=serving.version if serving else None,
            online_store=status.store,
            problem=status.problem,
        )
        return JSONResponse(asdict(state), status_code=200 if state.ready else 503)

    @app.get("/v1/release", responses=NO_RELEASE)
    async def release_in_service() -> ReleaseSummary:
        """Describe the release in service."""
        manifest = (serving := release()).manifest
        left_out = read_forgotten(Path(config.forgotten_users)).among(manifest.probe_users)
        known = [user for user in manifest.probe_users if user not in left_out]
        return ReleaseSummary(
            release_id=manifest.release_id,
            version=serving.version,
            n_users=manifest.counts.n_users,
            n_items=manifest.counts.n_items,
            n_clusters=manifest.counts.n_clusters,
            data_until=serving.seen.end,
            example_users=tuple(known[:N_EXAMPLE_USERS]),
        )

    @app.get("/v1/release/gates", responses=answered(GATES_EXAMPLE) | NO_RELEASE)
    async def gate_report() -> GatesAnswer:
        """Tell what the gates said of the release in service."""
        manifest = release().manifest
        return GatesAnswer(manifest.release_id, manifest.gates)

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics_page() -> Response:
        """Tell the metrics as Prometheus reads them."""
        status = loader.status
        metrics.ready.set(status.is_ready)
        metrics.problem.set(bool(status.problem))
        metrics.version.set(status.release.version if status.release else 0)
        metrics.share.set(loader.exploration_share)
        metrics.store.set(status.store is StoreState.COMPLETE)
        return Response(metrics.page(), media_type=CONTENT_TYPE)

    @app.get("/", response_class=FileResponse, include_in_schema=False)
    async def page() -> FileResponse:
        """Show the page on which one looks at a person's recommendations."""
        return FileResponse(PAGE / "index.html")

    @app.get("/page/{name}", response_model=None, include_in_schema=False)
    async def page_file(name: str) -> FileResponse | JSONResponse:
        """Return a style sheet or a script of the page."""
        file = PAGE_FILES.get(name)
        return FileResponse(file) if file else problem(404, "Not Found")
