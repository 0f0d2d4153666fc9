"""`explorer publish`: features online, models registered; safe to run again."""

from __future__ import annotations

EXAMPLE = "explorer publish"


def command() -> None:
    """Load the built release into the online store and register it as challenger.

    Safe to run again. Where DVC has a default remote, its artefacts are pushed there.
    """
    from pipelines.io import stage
    from pipelines.lifecycle.publish import publish_built

    stage.run("publish", publish_built)
