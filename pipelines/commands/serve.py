"""`explorer serve`: the recommendation service over this tree's stores."""

from __future__ import annotations

EXAMPLE = "explorer serve"


def command() -> None:
    """Serve the champion release over HTTP until interrupted, following the alias.

    Host, port and all else: `serving` in params.yaml.
    """
    from pipelines.online import serve as work

    work.serve()
