"""Data Docs: every guard has a page, the index says how it went, nothing is fetched from afar."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from expectations.gates.bounds import Bound, judge_figures
from expectations.gates.data_docs import write_page
from tests.servers import render_page

BOUNDS = (
    Bound("match_rate", 0.95, None, "block", "train the planner for longer"),
    Bound("coverage", 0.5, 1.0, "promote", "spread the training targets"),
)
BROWSERS_OWN = re.compile(
    r"google\.com|(?:www|accounts|update|mtalk|clients\d|android\.clients|content-autofill"
    r"|optimizationguide-pa|safebrowsing)\.google(?:apis)?\.com"
)
"""Where Chromium itself turns to at every start."""

FOREIGN = re.compile(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//|url\(|@import|<script""")


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """Pages of one guard that holds and of one that does not."""
    folder = tmp_path / "docs"
    for name, rate in (("sound", 0.99), ("broken", 0.25)):
        figures = {"match_rate": rate, "coverage": 0.7}
        write_page(judge_figures(name, figures, BOUNDS).validation, folder)
    return folder


def test_a_page_says_what_was_asked_what_was_found_and_what_to_do(docs: Path) -> None:
    page = (docs / "broken.html").read_text(encoding="utf-8")
    assert "match_rate is at least 0.95" in page
    assert "train the planner for longer" in page
    assert "0.25" in page
    assert "Failed" in page
    assert "Failed" not in (docs / "sound.html").read_text(encoding="utf-8")
    assert "Traceback" not in page


def test_the_index_leads_to_every_page_and_says_how_it_went(docs: Path) -> None:
    index = (docs / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'href="([^"]+)"', index) == ["broken.html", "sound.html"]
    assert re.findall(r'class="text-danger">([^<]+)', index) == ["4 of 5 rules hold"]
    assert re.findall(r'class="text-success">([^<]+)', index) == ["5 of 5 rules hold"]


def test_a_guard_that_ran_again_has_its_newest_outcome(docs: Path) -> None:
    figures = {"match_rate": 0.99, "coverage": 0.7}
    write_page(judge_figures("broken", figures, BOUNDS).validation, docs)
    assert 'text-danger">' not in (docs / "index.html").read_text(encoding="utf-8")


def test_pages_name_nothing_on_other_hosts(docs: Path) -> None:
    for page in docs.glob("*.html"):
        assert FOREIGN.findall(page.read_text(encoding="utf-8")) == [], page.name


def test_chromium_opens_the_pages_without_asking_any_host(docs: Path, tmp_path: Path) -> None:
    for page in ("index", "broken"):
        log = tmp_path / f"{page}.json"
        shown = render_page((docs / f"{page}.html").as_uri(), tmp_path, net_log=log)
        assert "match_rate" in shown or page == "index"
        asked = re.findall(r'"url":"https?://([^/"]+)', log.read_text(encoding="utf-8"))
        assert [host for host in asked if not BROWSERS_OWN.fullmatch(host)] == []


def test_a_page_as_great_expectations_makes_it_would_ask_other_hosts(tmp_path: Path) -> None:
    """The check above can fail: the same look at a page with a script from elsewhere."""
    page = tmp_path / "page.html"
    page.write_text('<html><script src="http://cdn.invalid/x.js"></script></html>')
    log = tmp_path / "log.json"
    render_page(page.as_uri(), tmp_path, net_log=log)
    asked = re.findall(r'"url":"https?://([^/"]+)', log.read_text(encoding="utf-8"))
    assert "cdn.invalid" in asked
    assert FOREIGN.search(page.read_text(encoding="utf-8"))
