"""Shared fixtures: where the real data lies, and quiet dependencies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import pipelines  # noqa: F401  switches telemetry off before anything else is imported

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets beside the checkout; skips, saying so, where it is absent."""
    if not REAL_DATA.is_dir():
        pytest.skip("the real data sets do not lie beside this checkout")
    return REAL_DATA


def require_program(found: str | None, package: str) -> str:
    """Return the program's path, or skip naming the package; with CI=true absence is a failure."""
    if found:
        return found
    reason = f"needs a program of the Debian package {package}, which is not installed"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
