"""One move of the champion alias, and what a list of them says: the way back, the copy on disk."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, cast

from expectations.contracts.durable import FIRST, SCHEMA, schema_of
from expectations.contracts.errors import ReleaseError
from pipelines.io.artefact_io import atomic_file

MOVE_SCHEMA = 2
"""Of the tags of a move in the registry; 1 was the same without the tag."""
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

    def to_tags(self) -> dict[str, str]:
        """Return the move as tags of a registered version; :meth:`from_tags` is the inverse."""
        return {
            SCHEMA: str(MOVE_SCHEMA),
            "action": self.action,
            "when": self.when,
            "who": self.who,
            "why": self.why,
            "from_version": str(self.from_version or ""),
            "to_version": str(self.to_version),
            "release_id": self.release_id,
            "notes": json.dumps(self.notes),
            "overridden": json.dumps(self.overridden),
        }

    @classmethod
    def from_tags(cls, tags: Mapping[str, str], where: str) -> Promotion:
        """Return the move that tags tell, in this schema or an earlier one.

        Raises:
            ReleaseError: the schema is a later one, or a tag is missing.
        """
        said = tags.get(SCHEMA, str(FIRST))
        schema_of({SCHEMA: int(said) if said.isdecimal() else said}, MOVE_SCHEMA, where)
        try:
            return cls(
                action=cast(Literal["promote", "rollback"], tags["action"]),
                when=tags["when"],
                who=tags["who"],
                why=tags["why"],
                from_version=int(tags["from_version"]) if tags["from_version"] else None,
                to_version=int(tags["to_version"]),
                release_id=tags["release_id"],
                notes=tuple(json.loads(tags["notes"])),
                overridden=tuple(json.loads(tags.get("overridden", "[]"))),
            )
        except (KeyError, ValueError) as error:
            rule = "holds a move of the champion in its tags"
            remedy = "put the tag back, or delete that version"
            raise ReleaseError(where, rule, remedy, repr(error)[:80]) from None


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
    head = {SCHEMA: COPY_SCHEMA, "registry": registry}
    lines = [json.dumps({**head, **asdict(move)}, sort_keys=True) + "\n" for move in promotions]
    with atomic_file(file) as partial:
        partial.write_text("".join(lines), encoding="utf-8")
    return file
