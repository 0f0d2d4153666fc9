"""Names a cluster by its best known items, where no words apply to enough of it.

A word or two of a few titles would mislead: *like Ben-Hur and The Great Escape* claims no more
than it says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import combinations

import regex

from expectations.contracts.values import MAX_DESCRIPTION
from training.clusters.cluster_name import EXAMPLE_OPENING
from training.clusters.naming.terms import CRUDE
from training.clusters.representation.segmentation import BORDER, mark_words

AND = " and "
MAX_TITLE = (MAX_DESCRIPTION - len(EXAMPLE_OPENING) - len(AND)) // 2
ELLIPSIS = "…"
ASIDE = regex.compile(r"(?<=\S)\s*(?:\([^()]*\)|\[[^\[\]]*\])")
"""Brackets behind a title; in front they are part of it, as in (500) Days of Summer."""
LATE_ARTICLE = regex.compile(r"^(.+), (The|A|An|Der|Die|Das|Le|La|Les|El|Los|Las|Il)$")
SUBTITLE = regex.compile(r"\s*[:;|/–—(\[]\s*|\s+-\s+|[,.!?]\s+")
LETTER = regex.compile(r"\p{L}")
UNSEEN = regex.compile(
    r"[\p{Cc}\p{Cs}\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
)


def name_by_example(titles: Sequence[str], taken: Collection[str]) -> str | None:
    """Return a name made of two titles, or of one where there are no two; ``None`` without any.

    Whole titles are preferred; longer ones end with their main title, or between two words.

    Args:
        titles: of the cluster's items, the best known first.
        taken: names that others of the level have.

    >>> name_by_example(["Ben-Hur (1959)", "Great Escape, The (1963)"], ())
    'like Ben-Hur and The Great Escape'
    """
    tidy = [title for title in map(_tidy, titles) if _is_readable(title)]
    whole = _distinct(title for title in tidy if len(title) <= MAX_TITLE)
    known = {name.casefold() for name in taken}
    every = _distinct(map(_shorten, tidy))
    for shown in (whole, every) if len(whole) > 1 else (every,):
        for one, other in _pairs(shown):
            name = f"{EXAMPLE_OPENING}{one}{AND}{other}"
            if name.casefold() not in known:
                return name
    for title in every:
        if (name := f"{EXAMPLE_OPENING}{title}").casefold() not in known:
            return name
    return None


def _tidy(title: str) -> str:
    """Return a title on one line, an article at its beginning, without what stands in brackets."""
    line = " ".join(UNSEEN.sub(" ", title).split())
    plain = ASIDE.sub("", line).strip() or line
    return str(LATE_ARTICLE.sub(r"\2 \1", plain))


def _is_readable(title: str) -> bool:
    return bool(LETTER.search(title)) and not CRUDE.search(title.lower())


def _shorten(title: str) -> str:
    """Return a title of at most :data:`MAX_TITLE` characters, cut between words if at all."""
    if len(title) <= MAX_TITLE:
        return title
    main = SUBTITLE.split(title)[0]
    if LETTER.search(main) and len(main) <= MAX_TITLE:
        return str(main)
    kept = ""
    for piece in regex.split(rf"(?<=[ {BORDER}])", mark_words(title)):
        if len((kept + piece).replace(BORDER, "").rstrip()) >= MAX_TITLE:
            break
        kept += piece
    return kept.replace(BORDER, "").rstrip(" ,;:-–—") + ELLIPSIS if kept else ""


def _distinct(titles: Iterator[str]) -> list[str]:
    found: dict[str, str] = {}
    for title in filter(None, titles):
        found.setdefault(title.casefold(), title)
    return list(found.values())


def _pairs(titles: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield pairs of titles, those of the best known first."""
    indices = combinations(range(len(titles)), 2)
    for one, other in sorted(indices, key=sum):
        yield titles[one], titles[other]
