"""The page of a service that lets in who has a key, and that takes no events."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from playwright.sync_api import Browser, expect

from inference.serving.config import ServingConfig
from inference.serving.http.api_keys import hash_of_key, make_key
from tests.inference.serving.page.conftest import PATIENCE_SECONDS, listening
from tests.inference.serving.page.visitor import titles
from tests.servers import free_port
from tests.worlds.online.published import PublishedReleases
from tests.worlds.online.serving import NAMES

KEY = make_key()


@pytest.fixture
def guarded(published: PublishedReleases, tmp_path: Path) -> Iterator[str]:
    keys = tmp_path / "keys.yaml"
    entry = {"name": "shop", "sha256": hash_of_key(KEY.encode()), "scopes": ["read"]}
    keys.write_text(yaml.safe_dump([entry]))
    gone = str(tmp_path / "forgotten.txt")
    config = ServingConfig(port=free_port(), event_log="", forgotten_users=gone, api_keys=str(keys))
    with listening(published, config) as address:
        yield address


def test_it_asks_for_a_key_and_offers_nothing_that_cannot_be_done(
    browser: Browser, guarded: str
) -> None:
    expect.set_options(timeout=1000 * PATIENCE_SECONDS)
    page = browser.new_page()
    page.goto(guarded)
    expect(page.locator("#state")).to_have_text("a valid API key is needed")
    page.get_by_label("API key").fill(KEY)
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#who-title")).to_have_text("ann")
    assert titles(page, "#timeline") == [NAMES[1], NAMES[0]]
    expect(page.get_by_label("API key")).to_be_hidden()
    expect(page.locator("#event")).to_be_hidden()
    for name in ("^Like ", "^Hide ", "^Keep "):
        expect(page.get_by_role("button", name=re.compile(name))).to_have_count(0)
    page.close()
