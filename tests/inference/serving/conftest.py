"""A service that answers from the first of the published releases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from fastapi.testclient import TestClient

from pipelines.io import paths
from tests.inference.serving.asked_service import serve, set_champion
from tests.worlds.online.published import PublishedReleases


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def store_as_it_was(published: PublishedReleases) -> Iterator[None]:
    """Put the online store back, which other modules share."""
    database = published.root / paths.VAR / "feast_online.db"
    before = database.read_bytes()
    yield
    database.write_bytes(before)


@pytest.fixture
def client(tree: PublishedReleases) -> Iterator[TestClient]:
    set_champion(tree.first)
    with serve() as client:
        yield client
