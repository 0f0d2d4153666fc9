"""Adds the made pages to MkDocs' own: nothing is written into docs/, links to them are checked."""

from __future__ import annotations

from collections.abc import Callable

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from pipelines.reference.commands import commands_page
from pipelines.reference.errors import errors_page
from pipelines.reference.metrics import metrics_page
from pipelines.reference.parameters import parameters_page
from pipelines.reference.service import http_page
from pipelines.reference.tables import tables_page

PAGES: dict[str, Callable[[], str]] = {
    "reference/parameters.md": parameters_page,
    "reference/commands.md": commands_page,
    "reference/http.md": http_page,
    "reference/metrics.md": metrics_page,
    "reference/tables.md": tables_page,
    "reference/errors.md": errors_page,
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add every made page; MkDocs calls this before it looks at the menu."""
    for path, make in PAGES.items():
        files.append(File.generated(config, path, content=make()))
    return files
