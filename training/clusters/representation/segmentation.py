"""Finds the words of scripts that put no blanks between them, by ICU's dictionaries.

Words found so are parted by a zero-width space, as Thai and Khmer texts sometimes part theirs: a
border that nobody sees. What is written with blanks is left as it is.
"""

from __future__ import annotations

from itertools import pairwise

import polars as pl
import regex
from icu4py.breakers import WordBreaker

BORDER = "\u200b"
JOINERS = "\u200c\u200d"  # zero-width non-joiner and joiner: they stand within words
INVISIBLE = r"[\u00ad\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\u30fc"
PRESENTATION_FORMS = r"[\uFB50-\uFDFF\uFE70-\uFEFC\uFF00-\uFFEF]"  # half and full width, Arabic
ROOT_LOCALE = "root"  # the dictionary follows from the script

_UNSPACED = regex.compile(f"[{UNSPACED}]")
_KATAKANA = regex.compile(r"[\p{Katakana}ー]+")
_LETTER = regex.compile(r"[\p{L}\p{M}]")


def clean_text(content: pl.Expr) -> pl.Expr:
    """Return a text in composed letters of usual width, without hyphens and marks nobody sees."""
    visible = content.str.replace_all(INVISIBLE, "")
    has_forms = visible.str.contains(PRESENTATION_FORMS)
    return (
        pl.when(has_forms)
        .then(visible.str.normalize("NFKC"))
        .otherwise(visible.str.normalize("NFC"))
    )


def mark_borders(content: pl.Expr) -> pl.Expr:
    """Return a text with a :data:`BORDER` between words that no blank parts."""
    is_unspaced = content.str.contains(f"[{UNSPACED}]")
    marked = pl.when(is_unspaced).then(content).map_elements(mark_words, pl.String, skip_nulls=True)
    return pl.when(is_unspaced).then(marked).otherwise(content)


def split_words(name: str) -> list[str]:
    """Return the words of a name, without blanks and borders.

    >>> split_words("jazz guitar"), split_words("机器学习 jazz")
    (['jazz', 'guitar'], ['机器', '学习', 'jazz'])
    """
    return mark_words(name).replace(BORDER, " ").split()


def mark_words(text: str) -> str:
    """Return a text with a border between letters of two words, one of them of such a script."""
    if not _UNSPACED.search(text):
        return text
    pieces = list(WordBreaker(text, ROOT_LOCALE))
    marked = pieces[:1]
    for before, after in pairwise(pieces):
        touches = _LETTER.match(before[-1]) and _LETTER.match(after[0])
        is_torn = len(after) == 1 and _KATAKANA.fullmatch(before[-1] + after)  # スマ|ホ
        if touches and not is_torn and (_UNSPACED.match(before[-1]) or _UNSPACED.match(after[0])):
            marked.append(BORDER)
        marked.append(after)
    return "".join(marked)
