"""A service over the published releases, asked within the process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from fastapi.testclient import TestClient

from inference.features.online_features import FeatureReader
from inference.release.plug_in import PlugIn, keep_ours
from inference.release.registered import CHAMPION
from inference.release.release_source import ReleaseSource
from inference.serving.app import create_app
from inference.serving.config import ServingConfig
from inference.serving.exploration.config import ExplorationPolicy
from inference.serving.release_loader import ReleaseLoader
from pipelines.online.feature_store import open_store
from pipelines.release.model_registry import point_alias
from pipelines.release.tracking import open_tracking, tracking_uri

BEST_FIRST = ExplorationPolicy(cluster_decay=0, item_decay=0)
CONFIG = ServingConfig(
    poll_seconds=0.05,
    planned_clusters=2,
    max_count=20,
    exploration=BEST_FIRST,
    shown_clusters="",
)
PATIENCE_SECONDS = 20


@contextmanager
def serve(
    reader: FeatureReader | None = None,
    plug_in: PlugIn = keep_ours,
    config: ServingConfig = CONFIG,
) -> Iterator[TestClient]:
    reader = reader or FeatureReader(open_store, config.cached_rows)
    loader = ReleaseLoader(ReleaseSource(tracking_uri()), reader, config, plug_in)
    with TestClient(create_app(loader, reader, config)) as client:
        yield client


def set_champion(version: int) -> None:
    point_alias(open_tracking(), CHAMPION, version)


def ask(client: TestClient, user: str, **query: Any) -> dict[str, Any]:
    path = f"/v1/users/{quote(user, safe='')}/recommendations"
    response = client.get(path, params={"seed": 0} | query)
    assert response.status_code == 200, response.text
    content: dict[str, Any] = response.json()
    return content


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.02)
