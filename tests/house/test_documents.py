"""The documents build into a site without a dead link, and the site asks no other host."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.house.imports import ROOT

FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
"""Tags that a browser fetches something for, and the attribute that says what."""


class Fetches(HTMLParser):
    """Collects what a page has a browser fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the address of a tag that fetches one."""
        self.addresses += [value for name, value in attrs if value and FETCHED.get(tag) == name]


def fetched_elsewhere(name: str, text: str) -> list[str]:
    """The addresses on other hosts that a page or a style sheet has a browser fetch."""
    if name.endswith(".css"):
        found = re.findall(r"(?:url\(|@import)\s*[\"']?([^\"')\s;]+)", text)
    else:
        page = Fetches()
        page.feed(text)
        found = page.addresses
    return [address for address in found if re.match(r"(?:https?:)?//", address)]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documents as a site; a dead link, a page outside the menu and a warning end it."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "-q", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_site_asks_no_other_host(site: Path) -> None:
    files = [file for ending in ("html", "css") for file in site.rglob(f"*.{ending}")]
    assert len(files) > len(list((ROOT / "docs").rglob("*.md")))
    asked = {
        str(file.relative_to(site)): fetched_elsewhere(file.name, file.read_text(encoding="utf-8"))
        for file in files
    }
    assert {name: found for name, found in asked.items() if found} == {}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.html", '<script src="https://cdn.example/x.js"></script>'),
        ("a.html", '<link rel="stylesheet" href="//fonts.example/x.css">'),
        ("a.html", '<img alt="" src="http://example/x.png">'),
        ("a.css", "@font-face { src: url('https://fonts.example/x.woff2') }"),
        ("a.css", '@import "https://example/x.css";'),
    ],
)
def test_a_page_that_asks_another_host_is_found(name: str, text: str) -> None:
    assert len(fetched_elsewhere(name, text)) == 1


def test_links_for_people_to_follow_are_no_fetches() -> None:
    assert fetched_elsewhere("a.html", '<a href="https://arxiv.org">a</a><img src="x.png">') == []
