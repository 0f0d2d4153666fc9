"""The append-only log of promotions: who moved the champion, when, why, from where, to where."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from expectations.contracts.errors import UserError


@dataclass(frozen=True)
class Promotion:
    """One move of the champion alias.

    Versions are those of the release model; ``from_version`` is ``None`` for the first champion.
    ``notes`` says what was checked.
    """

    action: Literal["promote", "rollback"]
    when: str
    who: str
    why: str
    from_version: int | None
    to_version: int
    release_id: str
    notes: tuple[str, ...]


def append_promotion(promotion: Promotion, file: Path) -> None:
    """Write one line at the end of the log and wait until it is on disk."""
    file.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(asdict(promotion), sort_keys=True) + "\n"
    with file.open("a", encoding="utf-8") as stream:
        stream.write(line)
        stream.flush()
        os.fsync(stream.fileno())


def read_promotions(file: Path) -> list[Promotion]:
    """Return the log, oldest first; empty where there is none yet.

    Raises:
        UserError: a line is not an entry of the log.
    """
    if not file.is_file():
        return []
    promotions = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            content = json.loads(line)
            promotions.append(Promotion(**{**content, "notes": tuple(content["notes"])}))
        except (ValueError, TypeError, KeyError) as error:
            where = f"{file}:{number}"
            rule = "each line is one promotion"
            raise UserError(where, rule, "restore the log", repr(error)[:80]) from None
    return promotions


def previous_champion(promotions: Sequence[Promotion], current: int) -> int | None:
    """Return the version to roll back to from ``current``; ``None`` if there was none before.

    A promotion puts a version on top of those before it; a rollback takes the top away, so two
    rollbacks go two versions back. A champion set by another tool is not in the log: rolling
    back from it returns to the last one that is.
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
    return stack[-1] if stack else None
