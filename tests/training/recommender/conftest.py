"""One small fitted recommender for the room's tests."""

from __future__ import annotations

import pytest
import torch

from tests.worlds import recommender as world
from training.recommender.model.recommender import SequenceRecommender


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def fitted(compiled_search: None) -> SequenceRecommender:
    """A recommender of the chain world."""
    return world.fit_small()
