"""Which columns of a catalogue are read without being asked for: those whose names say enough."""

from __future__ import annotations

import polars as pl

TEXTS = ("text", "description", "brand")
"""Read as they are, and first."""
LISTS = (
    *("category_path", "categories", "category", "subcategory", "subcategories"),
    *("genres", "genre", "tags", "tag", "keywords", "keyword", "topics", "topic"),
    *("subjects", "subject", "styles", "style", "mood", "moods"),
    *("authors", "author", "artists", "artist", "directors", "director", "actors", "cast"),
)
"""May hold several words of a list in one cell, in whatever way lists are written."""
OTHERS = (
    *("subtitle", "summary", "overview", "abstract", "plot", "series", "album", "publisher"),
    *("label", "manufacturer", "maker", "year", "release_year", "publication_year"),
)
NAMED_WITH_COMMAS = LISTS[:5]
CATEGORIES = ("category_path", "categories", "category", "genres", "genre")
"""The first of these is the category where ``dataset.files.category`` names none."""
NOTHING_SAID = ("(no genres listed)", "unknown", "none", "null", "nan", "n/a", "\\n")
LIST_SEPARATORS = r"\s*[|;]\s*"
BRACKETED = r"""^\s*[\[({]\s*(.*?)\s*,?\s*[\])}]\s*$"""
OBJECT_NAME = r"""(?i)['"](?:name|title|label)['"]\s*:\s*(?:"([^"]*)"|'([^']*)')"""
"""In a list of objects, as films have them: ``[{'id': 18, 'name': 'Drama'}]``."""
IS_OBJECTS = r"^\s*\[?\s*\{\s*['\"]\w+['\"]\s*:"
QUOTED_COMMA = r"""['"]\s*,\s*['"]"""


def usual_texts(found: list[str]) -> tuple[str, ...]:
    """Return those of a catalogue's columns that are read as text by default, in order."""
    return tuple(
        column for usual in (*TEXTS, *LISTS, *OTHERS) for column in found if _plain(column) == usual
    )


def usual_category(found: list[str]) -> str | None:
    """Return the column that is read as category by default, if there is one."""
    for usual in CATEGORIES:
        for column in found:
            if _plain(column) == usual:
                return column
    return None


def is_list(column: str) -> bool:
    """Return whether a column of text may hold lists."""
    return _plain(column) in LISTS


def split_list(text: pl.Expr, column: str) -> pl.Expr:
    """Return the elements of lists written as ``A|B``, ``A; B``, ``A, B``, ``['A', 'B']`` or so.

    Of a list of objects the elements are their names.

    What says that there is nothing, such as ``(no genres listed)``, is no element. In a column of
    categories a bare comma belongs to a name, as in ``Arts, Crafts & Sewing``.

    Args:
        text: the cells.
        column: what their column is called.
    """
    named = text.str.extract_all(OBJECT_NAME).list.eval(
        pl.element().str.extract(r"""(?s):\s*['"](.*)['"]$""")
    )
    text = pl.when(text.str.contains(IS_OBJECTS)).then(named.list.join("|")).otherwise(text)
    plain = text.str.replace(BRACKETED, "$1").str.replace_all(QUOTED_COMMA, "|")
    plain = plain.str.strip_chars("'\" ")
    has_separator = plain.str.contains(LIST_SEPARATORS)
    one = plain.str.replace_all(LIST_SEPARATORS, "|")
    at_commas = plain.str.replace_all(",", "|")
    if _plain(column) in NAMED_WITH_COMMAS:
        at_commas = pl.when(text.str.contains(BRACKETED)).then(at_commas).otherwise(plain)
    parts = pl.when(has_separator).then(one).otherwise(at_commas)
    element = pl.element().str.strip_chars("'\" \t")
    is_nothing = element.str.to_lowercase().is_in(["", *NOTHING_SAID])
    kept = parts.str.split("|").list.eval(element.filter(~is_nothing))
    whole = text.str.strip_chars().str.to_lowercase()
    return pl.when(~whole.is_in(list(NOTHING_SAID)) & (kept.list.len() > 0)).then(kept)


def _plain(column: str) -> str:
    return column.strip().lower().replace(" ", "_").replace("-", "_")
