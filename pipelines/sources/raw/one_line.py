"""Makes anything fit for one line of an error."""

from __future__ import annotations

from collections.abc import Iterable

MAX_SHOWN = 160
"""Characters of foreign text in an error: it stays one line."""


def shorten(text: str) -> str:
    """Return ``text`` fit for one line: printable and short."""
    clean = "".join(letter if letter.isprintable() else "?" for letter in text)
    return clean if len(clean) <= MAX_SHOWN else clean[: MAX_SHOWN - 1] + "…"


def list_names(names: Iterable[str]) -> str:
    """Return names of columns fit for one line, in quotes where blanks would not be seen."""
    seen = (name if name.isprintable() and name == name.strip() else repr(name) for name in names)
    return shorten(", ".join(seen))
