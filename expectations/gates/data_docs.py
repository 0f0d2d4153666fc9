"""Writes Great Expectations' page about one frame as a single file that opens offline."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from great_expectations.render.renderer import ValidationResultsPageRenderer
from great_expectations.render.view import DefaultJinjaPageView

from expectations.gates.engine import Rule, validate

# GX's page fetches scripts, styles and a logo (with a time stamp in its address) from other
# hosts. Without a connection they only delay the page, so they go, with the scripts that need
# them; a few rules of style stand in.
SCRIPTS = re.compile(r"<script\b.*?</script>", re.DOTALL | re.IGNORECASE)
FOREIGN_TAGS = re.compile(r"<(?:link|img)\b[^>]*?https?://[^>]*?>", re.DOTALL | re.IGNORECASE)
FOREIGN_STYLES = re.compile(r"url\(['\"]?https?://[^)]*\)", re.IGNORECASE)
SIDEBAR_ACTIONS = re.compile(r'<div class="card mb-3">.*?(?=<div class="card d-md)', re.DOTALL)
FOOTER = re.compile(r"<footer>.*?</footer>", re.DOTALL)

STYLE = """<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 70em; padding: 1em; }
table { border-collapse: collapse; margin: .6em 0; }
td, th { border-bottom: 1px solid #ccc; padding: .3em .8em; text-align: left; vertical-align: top; }
.alert { background: #eef1f4; border-radius: 6px; padding: .5em 1em; }
.badge { background: #e4e7ea; border-radius: 4px; padding: 0 .3em; }
.text-success { color: #18794e; } .text-danger { color: #c62a2f; }
.fa-check-circle::before { content: "\\2713"; } .fa-times::before { content: "\\2717"; }
.ge-navigation-sidebar-container { display: none; }
</style>"""


def write_data_docs(frame: pd.DataFrame, rules: Sequence[Rule], name: str, folder: Path) -> Path:
    """Validate ``frame`` and write what came of it to ``folder/<name>.html``; return that path.

    The page carries the time it was made: never an artefact of a stage.
    """
    result = validate(frame, rules, name)
    for finding in result.results:
        _make_plain(finding.result)
    page = DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(result))
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.html"
    path.write_text(make_self_contained(page), encoding="utf-8")
    return path


def make_self_contained(page: str) -> str:
    """Return ``page`` without anything that is fetched from another host."""
    for pattern in (SCRIPTS, FOREIGN_TAGS, FOREIGN_STYLES, SIDEBAR_ACTIONS, FOOTER):
        page = pattern.sub("", page)
    return page.replace("</head>", f"{STYLE}\n</head>", 1)


def _make_plain(content: dict[str, object]) -> None:
    # The page's number format knows Python's numbers only and prints a traceback for NumPy's.
    value = content.get("observed_value")
    if isinstance(value, np.generic):
        content["observed_value"] = value.item()
