"""A service that answers from the first of the published releases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from fastapi.testclient import TestClient

from tests.inference.serving.asked_service import serve, set_champion
from tests.worlds.online.published import PublishedReleases


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def client(tree: PublishedReleases) -> Iterator[TestClient]:
    set_champion(tree.first)
    with serve() as client:
        yield client
