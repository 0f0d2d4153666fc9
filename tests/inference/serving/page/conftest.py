"""A service over the first of the published releases, and a browser that looks at its page."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from inference.features.online_features import FeatureReader
from inference.release.release_source import ReleaseSource
from inference.serving.app import create_app
from inference.serving.config import ServingConfig
from inference.serving.release_loader import ReleaseLoader
from pipelines.io import paths
from pipelines.online.feature_store import open_store
from pipelines.online.live_events import open_live_view
from pipelines.release.tracking import tracking_uri
from tests.conftest import require_program
from tests.inference.serving.asked_service import BEST_FIRST, set_champion
from tests.servers import free_port
from tests.worlds.online.published import PublishedReleases

PATIENCE_SECONDS = 120
DESKTOP = {"width": 1280, "height": 900}


@contextmanager
def listening(published: PublishedReleases, config: ServingConfig) -> Iterator[str]:
    """Serve the first release and yield the address; the store, which others share, is put back."""
    database = published.root / paths.VAR / "feast_online.db"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(published.root)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        before = database.read_bytes()
        set_champion(published.first)
        reader = FeatureReader(open_store)
        loader = ReleaseLoader(ReleaseSource(tracking_uri()), reader, config)
        live = open_live_view(config) if config.event_log else None
        app = create_app(loader, reader, config, live)
        server = uvicorn.Server(uvicorn.Config(app, port=config.port, log_level="warning"))
        thread = threading.Thread(target=server.run)
        thread.start()
        end = time.monotonic() + PATIENCE_SECONDS
        while not server.started:
            assert time.monotonic() < end, "the service did not start"
            time.sleep(0.05)
        yield f"http://127.0.0.1:{config.port}"
        server.should_exit = True
        thread.join()
        database.write_bytes(before)


@pytest.fixture(scope="module")
def address(
    published: PublishedReleases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    log = tmp_path_factory.mktemp("log") / "events.db"
    config = ServingConfig(
        port=free_port(),
        event_log=str(log),
        forgotten_users=str(log.with_name("forgotten.txt")),
        exploration=BEST_FIRST,
    )
    with listening(published, config) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = require_program(shutil.which("chromium"), "chromium")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A tab that fails the test where anything is logged as an error or asked of another host."""
    complaints: list[str] = []
    tab = browser.new_page(viewport=DESKTOP)
    tab.set_default_timeout(1000 * PATIENCE_SECONDS)
    expect.set_options(timeout=1000 * PATIENCE_SECONDS)
    tab.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on(
        "request",
        lambda request: (
            None if request.url.startswith((address, "data:")) else complaints.append(request.url)
        ),
    )
    tab.goto(address)
    expect(tab.locator("#state")).to_contain_text("Planned from")
    yield tab
    tab.close()
    assert complaints == []
