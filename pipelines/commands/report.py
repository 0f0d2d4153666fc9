"""`explorer report`: what was built, and how well it does."""

from __future__ import annotations

EXAMPLE = "explorer report"


def command() -> None:
    """Print the report on the release in service, or on the last published one."""
    from pipelines.report.release_report import print_report

    print_report()
