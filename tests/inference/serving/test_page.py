"""The page in a real browser, over the real service: what one sees, does, and what it asks for."""

from __future__ import annotations

import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
import uvicorn
from playwright.sync_api import Page, expect, sync_playwright

from inference.features.online_features import FeatureReader
from inference.release.release_source import ReleaseSource
from inference.serving.app import create_app
from inference.serving.config import ServingConfig
from inference.serving.release_loader import ReleaseLoader
from pipelines.io import paths
from pipelines.online.feature_store import open_store
from pipelines.online.live_events import open_live_view
from pipelines.release.tracking import tracking_uri
from tests.conftest import require_program
from tests.inference.serving.asked_service import BEST_FIRST, set_champion
from tests.servers import free_port
from tests.worlds.online.published import PublishedReleases
from tests.worlds.online.serving import NAMES

PATIENCE_SECONDS = 120
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def address(
    published: PublishedReleases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    log = tmp_path_factory.mktemp("log") / "events.db"
    database = published.root / paths.VAR / "feast_online.db"
    config = ServingConfig(
        port=free_port(),
        event_log=str(log),
        forgotten_users=str(log.with_name("forgotten.txt")),
        exploration=BEST_FIRST,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(published.root)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        before = database.read_bytes()
        set_champion(published.first)
        reader = FeatureReader(open_store)
        loader = ReleaseLoader(ReleaseSource(tracking_uri()), reader, config)
        app = create_app(loader, reader, config, open_live_view(config))
        server = uvicorn.Server(uvicorn.Config(app, port=config.port, log_level="warning"))
        thread = threading.Thread(target=server.run)
        thread.start()
        end = time.monotonic() + PATIENCE_SECONDS
        while not server.started:
            assert time.monotonic() < end, "the service did not start"
            time.sleep(0.05)
        yield f"http://127.0.0.1:{config.port}"
        server.should_exit = True
        thread.join()
        database.write_bytes(before)


@pytest.fixture
def page(address: str) -> Iterator[Page]:
    """A tab that fails the test where anything is logged as an error or asked of another host."""
    program = require_program(shutil.which("chromium"), "chromium")
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        tab = browser.new_page()
        tab.set_default_timeout(1000 * PATIENCE_SECONDS)
        expect.set_options(timeout=1000 * PATIENCE_SECONDS)
        tab.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((address, "data:"))
                else complaints.append(request.url)
            ),
        )
        tab.goto(address)
        expect(tab.locator("#state")).to_contain_text("Release")
        yield tab
        browser.close()
    assert complaints == []


def open_person(page: Page, user: str) -> None:
    page.get_by_label("Person").fill(user)
    page.get_by_role("button", name="Show").click()
    shown = re.escape(urlencode({"user": user}))  # the address follows when the lists are there
    page.wait_for_url(re.compile(rf"\?{shown}$"))


def test_it_opens_on_a_person_and_shows_why(page: Page) -> None:
    expect(page.get_by_label("Person")).to_have_value("ann")
    history = page.locator("#history li").all_inner_texts()
    assert history == [NAMES[1], NAMES[0]]
    planned = page.locator("#planned li").first
    expect(planned).to_contain_text(NAMES[2])
    expect(planned).to_contain_text(f"from {NAMES[0]} + {NAMES[1]}")
    told = "".join(page.locator("#planned li").all_inner_texts())
    n_planned = page.locator("#planned li").count()
    assert told.count("next door") + told.count("a new field") == n_planned > 0
    expect(page.locator("#items li")).to_have_count(10)
    expect(page.locator("#plain li")).to_have_count(10)
    picture = os.environ.get("PAGE_PICTURE")
    if picture:
        page.set_viewport_size({"width": 1100, "height": 1250})
        page.screenshot(path=picture)


def test_the_dial_changes_one_list_and_marks_what_differs(page: Page) -> None:
    dial, explored = page.get_by_label("Explores"), page.locator("#items .differs")
    expect(explored).to_have_count(2)
    dial.focus()
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#share-shown")).to_have_text("0%")
    expect(explored).to_have_count(0)
    assert (
        page.locator("#items .title").all_inner_texts()
        == page.locator("#plain .title").all_inner_texts()
    )


def test_an_event_changes_interests_and_plan(page: Page) -> None:
    open_person(page, "ben")
    expect(page.locator("#history li")).to_have_count(1)
    before = page.locator("#planned li").all_inner_texts()
    page.locator("#items .differs button").first.click()
    expect(page.locator("#state")).to_contain_text("Liked:")
    expect(page.locator("#history li")).to_have_count(2)
    assert page.locator("#planned li").all_inner_texts() != before


def test_a_person_hides_and_pins_interests_and_takes_it_back(page: Page) -> None:
    open_person(page, "zoe")
    planned, chosen = page.locator("#planned li"), page.locator("#chosen li")
    expect(chosen).to_have_text(["none"])
    first = planned.first.locator(".title").inner_text()
    page.get_by_role("button", name=f"Hide {first}").click()
    expect(page.locator("#state")).to_contain_text(f"Hide: {first}")
    expect(planned.filter(has_text=first).locator(".title", has_text=first)).to_have_count(0)
    expect(chosen).to_have_count(1)
    second = planned.nth(1).locator(".title").inner_text()
    page.get_by_role("button", name=f"Pin {second}").click()
    expect(planned.first).to_contain_text(second)
    expect(planned.first).to_contain_text("pinned")
    page.get_by_role("button", name=f"Undo {first}").click()
    expect(chosen).to_have_count(1)
    page.get_by_role("button", name=f"Undo {second}").click()
    expect(planned.first.locator(".title")).to_have_text(first)


def test_an_unknown_person_gets_popular_items_and_no_markup_of_theirs(page: Page) -> None:
    open_person(page, "<b>nobody")
    expect(page.locator("#state")).to_contain_text("does not know this person")
    expect(page.locator("main b")).to_have_count(0)


def test_on_a_phone_nothing_is_wider_than_the_screen(page: Page) -> None:
    page.set_viewport_size(PHONE)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_lies_behind_it(page: Page, scheme: str) -> None:
    """A contrast of 4.5 is what WCAG 2.2 asks of text of this size."""
    page.emulate_media(color_scheme=scheme)
    contrasts = page.evaluate(CONTRASTS)
    assert contrasts
    assert min(contrasts.values()) >= 4.5, contrasts


CONTRASTS = """() => {
  const light = (color) => {
    const parts = color.match(/[\\d.]+/g).slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const behind = (node) => {
    const color = getComputedStyle(node).backgroundColor;
    return color === "rgba(0, 0, 0, 0)" ? behind(node.parentElement) : color;
  };
  const found = {};
  const kinds = "h1, h2, p, li, label, button, .led, .tag, .title";
  for (const node of document.querySelectorAll(kinds)) {
    const pair = [light(getComputedStyle(node).color), light(behind(node))].sort((a, b) => b - a);
    found[`${node.tagName}.${node.className}`] = (pair[0] + 0.05) / (pair[1] + 0.05);
  }
  return found;
}"""
