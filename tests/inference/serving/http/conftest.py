"""A service that also takes events, over a log of its own and a copy of the store put back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from inference.features.online_features import FeatureReader
from inference.release.release_source import ReleaseSource
from inference.serving.app import create_app
from inference.serving.config import ServingConfig
from inference.serving.release_loader import ReleaseLoader
from pipelines.online.feature_store import open_store
from pipelines.online.live_events import open_live_view
from pipelines.release.tracking import tracking_uri
from tests.inference.serving.asked_service import set_champion
from tests.worlds.online.published import PublishedReleases


@pytest.fixture
def config(tmp_path_factory: pytest.TempPathFactory) -> ServingConfig:
    log = tmp_path_factory.mktemp("log") / "events.db"
    return ServingConfig(
        shown_clusters="",
        planned_clusters=2,
        poll_seconds=0.05,
        store_check_seconds=0.05,
        event_log=str(log),
        forgotten_users=str(log.with_name("forgotten.txt")),
    )


@pytest.fixture
def client(
    tree: PublishedReleases, config: ServingConfig, store_as_it_was: None
) -> Iterator[TestClient]:
    set_champion(tree.first)
    reader = FeatureReader(open_store)
    loader = ReleaseLoader(ReleaseSource(tracking_uri()), reader, config)
    app = create_app(loader, reader, config, open_live_view(config))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client
