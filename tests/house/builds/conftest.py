"""A small world that several tests of the whole house start from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.builds.checkout import clean_checkout, repro


@pytest.fixture(scope="session")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout built once without disturbance; whoever changes it works on a copy."""
    checkout = clean_checkout(tmp_path_factory.mktemp("reference") / "checkout")
    repro(checkout)
    return checkout
