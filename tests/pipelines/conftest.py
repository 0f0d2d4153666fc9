"""Fixtures that several of the tests of ``pipelines`` share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def experiment_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that the experiment reads; who changes it, mends it or copies it."""
    from tests.worlds.experiment_tree import build_tree  # it imports torch

    folder = tmp_path_factory.mktemp("experiment")
    build_tree(folder)
    return folder
