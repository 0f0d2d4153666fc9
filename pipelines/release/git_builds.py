"""Builds that git knows: the ``dvc.lock`` of every branch and tag, where it has been committed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from pipelines.release.release_record import LOCK_FILE, RECORDED_FILES

REFS = ("refs/heads", "refs/remotes", "refs/tags")


def lay_out_builds(folder: Path) -> Iterator[tuple[str, Path]]:
    """Write the build files of every branch and tag with a lock below ``folder``, each once.

    Yields:
        The short name of the branch or tag, and the folder of its files.
    """
    listed = _git("for-each-ref", "--format=%(refname:short) %(objectname)", *REFS) or b""
    seen: set[bytes] = set()
    for place, line in enumerate(listed.decode().splitlines()):
        name, _, commit = line.rpartition(" ")
        files = {file: _git("show", f"{commit}:./{file}") for file in RECORDED_FILES}
        lock = files[LOCK_FILE]
        if lock is None or lock in seen:
            continue
        seen.add(lock)
        build = folder / f"git-{place}"
        build.mkdir()
        for file, content in files.items():
            (build / file.name).write_bytes(content or b"")
        yield name, build


def _git(*arguments: str) -> bytes | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout if done.returncode == 0 else None
