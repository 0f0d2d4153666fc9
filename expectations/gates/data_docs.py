"""Data Docs that open offline: Great Expectations' page about each guard, and an index of them."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

import numpy as np
from great_expectations.render.renderer import ValidationResultsPageRenderer
from great_expectations.render.view import DefaultJinjaPageView

from expectations.gates.engine import Validation

# GX's page fetches scripts, styles and a logo (with a time stamp in its address) from other
# hosts. Without a connection they only delay the page, so they go, with the scripts that need
# them; a few rules of style stand in.
SCRIPTS = re.compile(r"<script\b.*?</script>", re.DOTALL | re.IGNORECASE)
FOREIGN_TAGS = re.compile(r"<(?:link|img)\b[^>]*?https?://[^>]*?>", re.DOTALL | re.IGNORECASE)
FOREIGN_STYLES = re.compile(r"url\(['\"]?https?://[^)]*\)", re.IGNORECASE)
SIDEBAR_ACTIONS = re.compile(r'<div class="card mb-3">.*?(?=<div class="card d-md)', re.DOTALL)
BREADCRUMBS = re.compile(r"<nav\b.*?</nav>", re.DOTALL)
LINKS = re.compile(r"</?a\b[^>]*>")  # to pages of a site that is not built
FOOTER = re.compile(r"<footer>.*?</footer>", re.DOTALL)

INDEX = "index.html"
SUMMARY = "summary"
OPENING = re.compile(r"<body[^>]*>")
SUMMARY_TAG = re.compile(f'<meta name="{SUMMARY}" content="([^"]*)">')
INDEX_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Data Docs</title>
{style}
</head><body>
<h1>Data Docs</h1>
<p>What the guards of the last run of each stage saw. A page says what a rule is for and what to do
if it does not hold.</p>
<table><thead><tr><th>guard</th><th>outcome</th></tr></thead><tbody>
{rows}
</tbody></table></body></html>
"""

FOREIGN = (
    *(SCRIPTS, FOREIGN_TAGS, FOREIGN_STYLES, SIDEBAR_ACTIONS),
    *(BREADCRUMBS, LINKS, FOOTER),
)

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


def write_page(validation: Validation, folder: Path) -> Path:
    """Write the page about one guard to ``folder/<guard>.html``, renew the index, return the page.

    Pages carry the time they were made: never an artefact of a stage.
    """
    for finding in validation.result.results:
        _make_plain(finding.result)
    rendered = ValidationResultsPageRenderer().render(validation.result)
    page = make_self_contained(DefaultJinjaPageView().render(rendered))
    page = page.replace(
        "</head>", f'<meta name="{SUMMARY}" content="{_summary(validation)}">\n</head>'
    )
    page = OPENING.sub(lambda body: body.group() + _in_words(validation), page, count=1)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{validation.name}.html"
    _replace(path, page)
    write_index(folder)
    return path


def write_index(folder: Path) -> Path:
    """List the pages in ``folder``, each with its outcome, and return the list's path."""
    pages = sorted(path for path in folder.glob("*.html") if path.name != INDEX)
    rows = [_row(path.stem, path.read_text(encoding="utf-8")) for path in pages]
    path = folder / INDEX
    _replace(path, INDEX_PAGE.format(style=STYLE, rows="\n".join(rows)))
    return path


def make_self_contained(page: str) -> str:
    """Return ``page`` without anything that is fetched from another host."""
    for pattern in FOREIGN:
        page = pattern.sub("", page)
    return page.replace("</head>", f"{STYLE}\n</head>", 1)


def _summary(validation: Validation) -> str:
    results = validation.result.results
    kept = sum(bool(result.success) for result in results)
    return f"{kept} of {len(results)} rules hold"


def _in_words(validation: Validation) -> str:
    """Return the rules in our own words, which Great Expectations' page leaves out."""
    failures = {failure.rule: failure.found for failure in validation.failures}
    rows = [
        f"<tr><td>{escape(rule.sentence)}</td>"
        + (
            f'<td class="text-danger">no: found {escape(failures[rule])}</td>'
            if rule in failures
            else '<td class="text-success">yes</td>'
        )
        + f"<td>{escape(rule.remedy)}</td></tr>"
        for rule in validation.rules
    ]
    head = "<tr><th>rule</th><th>holds</th><th>if not</th></tr>"
    return (
        f'<p><a href="{INDEX}">all guards</a></p><h1>{escape(validation.name)}</h1>'
        f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _row(name: str, page: str) -> str:
    found = SUMMARY_TAG.search(page)
    summary = found.group(1) if found else "no summary"
    kept, _, total = summary.removesuffix(" rules hold").partition(" of ")
    mark = "text-success" if kept == total else "text-danger"
    return f'<tr><td><a href="{name}.html">{name}</a></td><td class="{mark}">{summary}</td></tr>'


def _replace(path: Path, page: str) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(page, encoding="utf-8")
    partial.replace(path)


def _make_plain(content: dict[str, object]) -> None:
    # The page's number format knows Python's numbers only and prints a traceback for NumPy's.
    value = content.get("observed_value")
    if isinstance(value, np.generic):
        content["observed_value"] = value.item()
