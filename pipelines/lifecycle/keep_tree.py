"""Copies a release's tree to a folder, to go on from."""

from __future__ import annotations

import shutil
from pathlib import Path

from expectations.contracts.errors import UserError
from inference.release.release_source import ReleaseSource
from pipelines.io.previous_tree import TREE_FILES, hash_tree
from pipelines.lifecycle.restore import find_version
from pipelines.release.tracking import open_tracking, tracking_uri


def keep_tree(source: ReleaseSource, version: int, folder: Path) -> str:
    """Copy the tree of a release into a new folder; return its content hash.

    Raises:
        UserError: the folder is there already, or the release's artefact is not whole.
    """
    if folder.exists():
        raise UserError(str(folder), "is not there yet", "name a new folder")
    with source.fetch(version) as fetched:
        folder.mkdir(parents=True)
        for name in TREE_FILES:
            shutil.copyfile(fetched.folder / name, folder / name)
    return hash_tree(folder)


def keep_tree_of(wanted: str, folder: Path) -> str:
    """Keep the tree of the release that an alias or an id's beginning names; return its hash."""
    client = open_tracking()
    source = ReleaseSource(tracking_uri())
    return keep_tree(source, find_version(client, source, wanted), folder)
