"""`explorer check-params`: a mistake in the settings shows in seconds."""

from __future__ import annotations

EXAMPLE = "explorer check-params"


def command() -> None:
    """Read every section of params.yaml and name the first mistake, before a build starts."""
    from expectations.contracts.forgotten import require_forgotten_list
    from pipelines.io import paths
    from pipelines.params.params import read_params

    read_params()
    require_forgotten_list(paths.FORGOTTEN_USERS)
