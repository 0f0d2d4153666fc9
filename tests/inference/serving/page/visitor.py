"""What a visitor does on the page, and what they read there."""

from __future__ import annotations

import re
from urllib.parse import urlencode

from playwright.sync_api import Page


def open_person(page: Page, user: str) -> None:
    """Name a person and wait until they are shown."""
    page.get_by_label("Person").fill(user)
    page.get_by_role("button", name="Show").click()
    shown = re.escape(urlencode({"user": user}))  # the address follows when the lists are there
    page.wait_for_url(re.compile(rf"\?{shown}$"))


def titles(page: Page, box: str) -> list[str]:
    """The names that a part of the page lists, in its order."""
    return page.locator(f"{box} .title").all_inner_texts()


def on_map(page: Page, kind: str) -> set[int]:
    """The clusters that the map marks so."""
    found = page.locator(f"#map circle.{kind}").evaluate_all(
        "dots => dots.map(dot => Number(dot.dataset.cluster))"
    )
    return set(found)
