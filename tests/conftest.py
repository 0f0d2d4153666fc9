"""Shared fixtures: where the real data lies, and quiet dependencies."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

import pipelines  # noqa: F401  switches telemetry off before anything else is imported

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadFileScheduling

    from tests.worlds.online.published import PublishedReleases

# How long an example takes says how busy the machine is, nothing of the code.
hypothesis.settings.register_profile(
    "house", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("house")

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


TOGETHER = "tests/house/builds/"
"""Its files share one build, which takes minutes: one process has them all."""


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """Keep the tests of a file in one process: they share what is made for the file once."""
    from xdist.scheduler import LoadFileScheduling

    class ByPlace(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return TOGETHER if nodeid.startswith(TOGETHER) else super()._split_scope(nodeid)

    return ByPlace(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets beside the checkout; skips, saying so, where it is absent."""
    if not REAL_DATA.is_dir():
        pytest.skip("the real data sets do not lie beside this checkout")
    return REAL_DATA


@pytest.fixture(scope="session")
def compiled_search() -> None:
    """The first search of planned blocks is compiled, for which no test's deadline has room."""
    import numpy as np

    from training.item_scoring.block_scoring import BlockScorer

    BlockScorer(np.eye(3, dtype=np.float32), np.array([0, 3])).prepare()


def require_program(found: str | None, package: str) -> str:
    """Return the program's path, or skip naming the package; with CI=true absence is a failure."""
    if found:
        return found
    reason = f"needs a program of the Debian package {package}, which is not installed"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def published_once(tmp_path_factory: pytest.TempPathFactory) -> PublishedReleases:
    """A tree with several releases in a real registry and a real online store, to copy."""
    # Importing Feast and MLflow takes seconds; only tests that ask for this pay for it.
    from tests.worlds.online.published import publish_releases
    from tests.worlds.online.serving import build_tree

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return publish_releases(build_tree(tmp_path_factory.mktemp("releases")))


@pytest.fixture(scope="module")
def published(
    published_once: PublishedReleases, tmp_path_factory: pytest.TempPathFactory
) -> PublishedReleases:
    """A copy of those for the tests of a file, which may change it as they go on.

    Files run in whatever order processes come to them: what one leaves behind no other finds.
    """
    from mlflow.tracking._tracking_service.utils import _artifact_repos_cache

    from pipelines.io import paths
    from pipelines.release.artefact_place import follow_move
    from pipelines.release.tracking import EXPERIMENT

    root = tmp_path_factory.mktemp("releases") / "tree"
    shutil.copytree(published_once.root, root)
    follow_move(f"sqlite:///{root / paths.TRACKING_DATABASE}", EXPERIMENT)
    _artifact_repos_cache.clear()  # else MLflow goes on where the run of that id was before
    return replace(published_once, root=root)


@pytest.fixture
def tree(published: PublishedReleases, monkeypatch: pytest.MonkeyPatch) -> PublishedReleases:
    """Those releases, their tree being the working directory, with a registry of its own."""
    monkeypatch.chdir(published.root)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return published
