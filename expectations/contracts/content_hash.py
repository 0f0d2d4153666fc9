"""SHA-256 of files and folders: what a release is identified and checked by."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CHUNK_BYTES = 1 << 20
"""Read at one time: files of any size pass through a megabyte of memory. No hash depends on it."""


@dataclass(frozen=True)
class ContentHash:
    """What a file or folder hashes to, and how many bytes it holds."""

    sha256: str
    n_bytes: int


def hash_content(path: Path) -> ContentHash:
    """Return the hash of a file, or of a folder: over its relative names and their contents.

    Raises:
        FileNotFoundError: nothing lies at ``path``.
    """
    return _hash_folder(path) if path.is_dir() else _hash_file(path)


def hash_files(files: Mapping[str, Path]) -> ContentHash:
    """Return the hash of files by name: what a folder that holds just these hashes to."""
    digest = hashlib.sha256()
    n_bytes = 0
    for name in sorted(files):
        content = _hash_file(files[name])
        digest.update(f"{name}\0{content.sha256}\n".encode())
        n_bytes += content.n_bytes
    return ContentHash(digest.hexdigest(), n_bytes)


def _hash_file(path: Path) -> ContentHash:
    digest = hashlib.sha256()
    n_bytes = 0
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
            n_bytes += len(chunk)
    return ContentHash(digest.hexdigest(), n_bytes)


def _hash_folder(folder: Path) -> ContentHash:
    found = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*")}
    return hash_files({name: file for name, file in found.items() if file.is_file()})
