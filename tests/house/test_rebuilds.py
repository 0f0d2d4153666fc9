"""Two clean checkouts build the same bytes, and a kill at any stage changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.checkout import clean_checkout, repro, repro_and_kill

pytestmark = pytest.mark.long

KILLS = (
    ("ingest", 1.0),
    ("clusters", 4.0),
    ("curate", 8.0),
    ("planner", 8.0),
    ("table", 5.0),
    ("evaluate", 6.0),
)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout built once without disturbance."""
    checkout = clean_checkout(tmp_path_factory.mktemp("reference") / "checkout")
    repro(checkout)
    return checkout


def test_a_second_repro_does_nothing_and_says_so(reference: Path) -> None:
    assert "Data and pipelines are up to date." in repro(reference)


def test_a_second_clean_checkout_has_the_same_lock(reference: Path, tmp_path: Path) -> None:
    second = clean_checkout(tmp_path / "elsewhere" / "checkout")
    repro(second)
    assert (second / "dvc.lock").read_bytes() == (reference / "dvc.lock").read_bytes()


def test_kills_at_many_stages_leave_nothing_half_written(reference: Path, tmp_path: Path) -> None:
    killed = clean_checkout(tmp_path / "checkout")
    for stage, after_seconds in KILLS:
        repro_and_kill(killed, stage, after_seconds)
    repro(killed)
    assert (killed / "dvc.lock").read_bytes() == (reference / "dvc.lock").read_bytes()
    left = list((killed / "artifacts").rglob("*.partial"))
    assert not left
