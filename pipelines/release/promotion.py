"""One move of the champion alias, and what a list of them says: the way back, the copy on disk."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from pipelines.io.artefact_io import atomic_file

COPY_SCHEMA = 2
"""Of the copies on disk; 1 had no such field, and was the only record of a promotion."""


@dataclass(frozen=True)
class Promotion:
    """One move of the champion alias.

    Versions are those of the release model; ``from_version`` is ``None`` for the first champion.
    ``notes`` says what was checked, ``overridden`` what stood against it and was overruled.
    """

    action: Literal["promote", "rollback"]
    when: str
    who: str
    why: str
    from_version: int | None
    to_version: int
    release_id: str
    notes: tuple[str, ...]
    overridden: tuple[str, ...] = ()

    def words(self) -> str:
        """Return the move in one line for people."""
        came_from = "none" if self.from_version is None else f"version {self.from_version}"
        said = f": {self.why}" if self.why else ""
        return (
            f"{self.action} by {self.who} at {self.when}, champion {came_from} -> version "
            f"{self.to_version} (release {self.release_id[:12]}){said}"
        )


def previous_champion(
    promotions: Sequence[Promotion], current: int, registered: Collection[int]
) -> int | None:
    """Return the version to roll back to from ``current``; ``None`` if there was none before.

    A promotion puts a version on top of those before it; a rollback takes the top away, so two
    rollbacks go two versions back. A champion set by another tool is not in the history: rolling
    back from it returns to the last one that is. What is no longer registered is passed over.
    """
    stack: list[int] = []
    for promotion in promotions:
        if promotion.action == "promote":
            if promotion.from_version is not None and promotion.from_version not in stack[-1:]:
                stack.append(promotion.from_version)
            stack.append(promotion.to_version)
        else:
            while stack and stack[-1] != promotion.to_version:
                stack.pop()
            stack = stack or [promotion.to_version]
    if stack[-1:] == [current]:
        stack.pop()
    there = [version for version in stack if version in registered and version != current]
    return there[-1] if there else None


def write_copy(promotions: Sequence[Promotion], registry: str, folder: Path) -> Path:
    """Write a registry's history as JSON lines for reading, a file of its own for each registry."""
    file = folder / f"{registry}.jsonl"
    head = {"schema": COPY_SCHEMA, "registry": registry}
    lines = [json.dumps({**head, **asdict(move)}, sort_keys=True) + "\n" for move in promotions]
    with atomic_file(file) as partial:
        partial.write_text("".join(lines), encoding="utf-8")
    return file
