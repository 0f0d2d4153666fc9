"""Whoever looks at the page: by keyboard, screen reader, on a phone, in the light and the dark."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.inference.serving.page.visitor import open_person, titles

PHONE = {"width": 360, "height": 740}
GRAVE = ("serious", "critical")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE["width"], 1280])
def test_axe_finds_nothing_grave(page: Page, scheme: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    for summary in page.locator("summary").all():
        summary.click()
    assert grave(page) == []


def test_axe_finds_what_is_planted(page: Page) -> None:
    page.evaluate("document.querySelector('main').append(document.createElement('input'))")
    assert "label" in grave(page)


def grave(page: Page) -> list[str]:
    """The rules of axe-core that the page breaks seriously."""
    found = Axe().run(page).response["violations"]
    return [rule["id"] for rule in found if rule["impact"] in GRAVE]


def test_on_a_phone_nothing_is_wider_than_the_screen(page: Page) -> None:
    page.set_viewport_size(PHONE)
    for user in ("ann", "cat/with slash"):
        open_person(page, user)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.locator("#map").bounding_box()["width"] >= 300  # type: ignore[index]


def test_everything_is_done_by_keyboard(page: Page) -> None:
    open_person(page, "zoe")
    first = page.locator("#planned .title").first.inner_text()
    press_until(page, f"Hide {first}")
    expect(page.locator("#map .link.on").first).to_be_visible()  # as where it is pointed at
    page.keyboard.press("Enter")
    expect(page.locator("#state")).to_contain_text(f"Hide: {first}")
    expect(page.locator("#changed")).to_be_focused()  # the button is gone, one's place is not
    press_until(page, f"Undo {first}")
    page.keyboard.press("Enter")
    expect(page.locator("#state")).to_contain_text(f"Undo: {first}")
    assert first in titles(page, "#planned")


def press_until(page: Page, label: str) -> None:
    """Press the Tab key until the button of this label has the focus."""
    for _ in range(100):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('aria-label')") == label:
            return
    raise AssertionError(f"no Tab leads to {label}")


def test_what_is_on_the_map_is_told_in_words(page: Page) -> None:
    picture = page.get_by_role("img", name="Map of interests")
    expect(picture).to_have_count(1)
    expect(page.get_by_role("heading", level=2)).to_have_count(5)
    expect(page.get_by_role("status").first).to_contain_text("Planned from")
