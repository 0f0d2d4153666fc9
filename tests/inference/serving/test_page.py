"""The page in a real browser, over the real service."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from inference.features.online_features import FeatureReader
from inference.release.release_source import ReleaseSource
from inference.serving.app import create_app
from inference.serving.config import ServingConfig
from inference.serving.release_loader import ReleaseLoader
from pipelines.online.feature_store import open_store
from pipelines.release.tracking import tracking_uri
from tests.inference.serving.asked_service import set_champion
from tests.servers import free_port, render_page
from tests.worlds.online.published import PublishedReleases
from tests.worlds.online.serving import NAMES

PATIENCE_SECONDS = 30


@pytest.fixture
def address(tree: PublishedReleases) -> Iterator[str]:
    set_champion(tree.first)
    config, reader = ServingConfig(port=free_port()), FeatureReader(open_store)
    app = create_app(ReleaseLoader(ReleaseSource(tracking_uri()), reader, config), reader, config)
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


def test_a_reader_sees_interests_plans_and_items_in_words(address: str, tmp_path: Path) -> None:
    picture = os.environ.get("PAGE_PICTURE")
    page = render_page(f"{address}/?user=ann", tmp_path, Path(picture) if picture else None)
    history, planned, items = (_list_of(page, name) for name in ("history", "planned", "items"))
    assert history.index(NAMES[1]) < history.index(NAMES[0])
    assert NAMES[2] in planned
    assert f"from {NAMES[0]} + {NAMES[1]}" in planned
    assert planned.count("next door") + planned.count("a new field") == planned.count("<li>")
    assert items.count("<li>") == 10
    assert "because of" in items


def test_an_unknown_person_gets_popular_items_and_is_told_so(address: str, tmp_path: Path) -> None:
    page = render_page(f"{address}/?user=%3Cb%3Enobody", tmp_path)
    assert "does not know this person" in page
    assert "<b>nobody" not in page


def _list_of(page: str, name: str) -> str:
    return page.split(f'id="{name}">')[1].split("</ol>")[0]
