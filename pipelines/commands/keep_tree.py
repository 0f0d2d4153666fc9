"""`python -m pipelines.commands.keep_tree FOLDER`: copies a release's tree there, to go on from."""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from expectations.contracts.errors import UserError
from inference.release.registered import CHAMPION
from inference.release.release_source import ReleaseSource
from pipelines.commands.restore import find_version
from pipelines.io.command import run_command
from pipelines.io.previous_tree import TREE_FILES, hash_tree
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


def main() -> None:
    """Keep the tree and print the setting that goes on from it."""
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.commands.keep_tree", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="a new folder, to be kept under version control")
    parser.add_argument(
        "--release", default=CHAMPION, help="champion, challenger or the beginning of an id"
    )
    options = parser.parse_args()
    client = open_tracking()
    source = ReleaseSource(tracking_uri())
    found = keep_tree(source, find_version(client, source, options.release), options.folder)
    print(f"clusters:\n  previous: {{folder: {options.folder}, sha256: {found}}}")


if __name__ == "__main__":
    run_command(main)
