"""The list of people who asked to be forgotten: by the hash of their id, with the time they asked.

What they did until then is left out of every later build and load; what they do afterwards counts.
The hash keeps the list from naming people, yet who guesses an id can check it: treat the list as
personal data.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from expectations.contracts.errors import UserError

HEADER = "# sha256 of the user id, and when the person was forgotten; kept by `forget_user`\n"


@dataclass(frozen=True)
class ForgottenUsers:
    """When each forgotten person asked, by the hash of their id."""

    asked_at: Mapping[str, datetime]

    def __bool__(self) -> bool:
        return bool(self.asked_at)

    def cut_of(self, user_id: str) -> datetime | None:
        """Return until when a person's past is forgotten; ``None`` if they never asked."""
        return self.asked_at.get(hash_of_user(user_id))

    def among(self, user_ids: Iterable[str]) -> dict[str, datetime]:
        """Return those of the users who asked, each with the time."""
        if not self.asked_at:
            return {}
        return {user: cut for user in user_ids if (cut := self.cut_of(user)) is not None}


def hash_of_user(user_id: str) -> str:
    """Return the SHA-256 of a user id."""
    return hashlib.sha256(user_id.encode()).hexdigest()


def read_forgotten(file: Path) -> ForgottenUsers:
    """Return the list in ``file``; nobody where there is no such file.

    Raises:
        UserError: a line holds anything but a hash and a time.
    """
    if not file.is_file():
        return ForgottenUsers({})
    found: dict[str, datetime] = {}
    text = file.read_text(encoding="utf-8", errors="backslashreplace")  # such a line is refused
    for number, line in enumerate(text.splitlines(), start=1):
        if line and not line.startswith("#"):
            user, asked_at = _parse(line, f"{file}, line {number}")
            found[user] = asked_at
    return ForgottenUsers(found)


def require_forgotten_list(file: Path) -> None:
    """Refuse a build without its list: an absent one would bring forgotten people back.

    Raises:
        UserError: there is no such file, or a line of it is unsound.
    """
    if not file.is_file():
        remedy = f"`git checkout -- {file}`, or copy it from where you keep it"
        raise UserError(str(file), "the list of forgotten people exists", remedy)
    read_forgotten(file)


def add_forgotten(file: Path, user_id: str, asked_at: datetime) -> None:
    """Put a person at the end of the list, durably; a later time replaces an earlier one."""
    is_new = not file.is_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as stream:
        if is_new:
            stream.write(HEADER)
        stream.write(f"{hash_of_user(user_id)} {asked_at.isoformat()}\n")
        stream.flush()
        os.fsync(stream.fileno())


def _parse(line: str, where: str) -> tuple[str, datetime]:
    try:
        user, text = line.split()
        asked_at = datetime.fromisoformat(text)
        if len(user) != 64 or asked_at.tzinfo is None:
            raise ValueError("not a hash and a time")
    except ValueError:
        rule = "holds the SHA-256 of a user id and an ISO time with zone"
        raise UserError(where, rule, "restore the file from git", line[:40]) from None
    return user, asked_at
