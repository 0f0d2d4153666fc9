"""`explorer restore [--release ID]`: exact artefacts of a release."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLE = "explorer restore --release champion"


def command(
    release: Annotated[
        str, typer.Option(help="champion, challenger, previous or the beginning of an id")
    ] = "champion",
) -> None:
    """Bring back the artefacts, dvc.lock and params.yaml of a release, checked by their hashes.

    What lay there before is kept below var/.
    """
    from pipelines.lifecycle.restore import describe_restored, restore_named

    print("\n".join(describe_restored(restore_named(release))))
