"""Files of sequences, the form of the papers on sequential recommendation: one user a line."""

from __future__ import annotations

from pathlib import Path

from expectations.contracts.errors import UserError

REMEDY = "write one user a line: user item item …, oldest item first, apart by blanks"


def read_sequence_file(file: Path) -> list[list[str]]:
    """Return the items of each user, oldest first, one or more; empty lines are passed over.

    Raises:
        UserError: the file is absent, not text or empty, a user stands without items or twice.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise UserError(str(file), "the file exists", "give its path") from None
    except (UnicodeDecodeError, IsADirectoryError) as error:
        raise UserError(str(file), "is a text file", REMEDY, str(error)[:100]) from None
    first_line: dict[str, int] = {}
    items = []
    for number, line in enumerate(lines, start=1):
        user, *sequence = line.split() or [""]
        if not user:
            continue
        if not sequence:
            raise UserError(f"{file}, line {number}", "a user has one item or more", REMEDY, user)
        if user in first_line:
            sample = f"{user}, also in line {first_line[user]}"
            raise UserError(f"{file}, line {number}", "a user has one line", REMEDY, sample)
        first_line[user] = number
        items.append(sequence)
    if not items:
        raise UserError(str(file), "holds one user or more", REMEDY)
    return items
