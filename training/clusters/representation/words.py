"""Reads the words of items, columnar: which readable words stand where, and what they stem from."""

from __future__ import annotations

from functools import cache

import polars as pl
import regex

from training.clusters.representation.segmentation import (
    BORDER,
    JOINERS,
    clean_text,
    mark_borders,
)

# The list that scikit-learn ships also drops these, which can be what an item is about.
CONTENT_WORDS = """
bill bottom computer cry detail empty fill fire front full interest mill move name part side
system thick thin top
"""
# Words of measure and of web pages: they stand with items of every kind.
MEASURE_WORDS = """
amp assorted com count dozen etc feet foot html http https inch inches item items length nbsp pack
packs pcs piece pieces product products qty quantity quot set sets size sizes use used uses using
width www
"""
# Particles of scripts without blanks, which stand between nearly any two words.
PARTICLES = """
的 之 与 與 和 及 或 在 了 是 你 我 从 從 到 有 为 為 第 第一 第二 第三 第四 第五 版 册 冊 卷
から まで です ます する した して ため こと もの など これ その この
ที่ และ ของ ใน กับ การ ความ เป็น ให้ ได้ จาก แบบ
"""
CONTRACTED = frozenset({"couldn", "didn", "doesn", "don", "hasn", "isn", "wasn", "won", "wouldn"})

# Stop words that phrases are built with, and those that may be left out of one.
BRIDGES = ("by", "down", "in", "of", "off", "on", "out", "over", "to", "up")
SILENT = ("a", "an", "and", "or", "the")

# Letters with their marks and joiners, joined by hyphens or apostrophes, touching no digit (so no
# part of a vendor code), or else a run of anything that is neither letter nor space: kept only to
# part its neighbours. Vendor codes are Latin: letters of other scripts may touch digits.
MARKUP = r"<[^>]{0,200}>|&#?\w{1,8};"
CODE = r"\b[\p{Lu}\p{Ll}]{1,4}-\d[^\s\p{Lo}]*"  # as CLI-251; longer words before a number are words
LETTERS = rf"\p{{L}}[\p{{L}}\p{{M}}{JOINERS}]*"
BEFORE_DIGIT = rf"([\p{{L}}--\p{{Latin}}][\p{{M}}{JOINERS}]*)(\p{{N}})"
AFTER_DIGIT = r"(\p{N})([\p{L}--\p{Latin}])"
TOKEN = rf"{BORDER}?\b{LETTERS}(?:['’׳״\-]{LETTERS})*\b|[^\s\p{{L}}{BORDER}]+"
WORD = r"^\p{L}"
WHOLE_WORD = r"^[\p{Han}\p{Hangul}]$"  # a single one can be a word
DIGITS = r"\p{N}+"
SILENT_SIGNS = regex.compile(rf"[{JOINERS}\u0640\u064b-\u0652\u0670]")  # Arabic vowels among them
SAME_LETTERS = str.maketrans("يكى", "یکی")  # Arabic keyboards and Persian ones
RELEASE_YEAR = r"\(((?:18|19|20)\d)\d\)\s*$"

TITLE, CATEGORY, TEXT = "title", "category", "text"


@cache
def stop_words() -> frozenset[str]:
    """Return the words that say nothing of what an item is about, English but for particles."""
    # A service reads no words until an item is new to it: its start waits for none of this.
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    english: frozenset[str] = ENGLISH_STOP_WORDS
    others = frozenset(MEASURE_WORDS.split()) | frozenset(PARTICLES.split())
    return (english - frozenset(CONTENT_WORDS.split())) | others


def read_words(items: pl.DataFrame) -> pl.DataFrame:
    """Return the words of every item, stop words dropped, in the order in which they stand.

    A title that ends in a year in brackets also yields that decade, such as ``1990s``.

    An item without any word has those of its letters that touch digits, such as ``Band12``.

    Args:
        items: the table ITEMS; the row number of an item is its ``row``.

    Returns:
        ``(row, field, position, word, stem, link, bridge, is_glued, opens, closes)``, sorted by the
        first three. ``link`` is the position of the word before it if the two stand side by side,
        with no punctuation between them and no stop word but one that phrases are built with, such
        as ``stand up comedy``; that one is the ``bridge``, null where there is none, empty where
        it goes without saying (``garden and yard``). A word ``is_glued`` to the one before it if
        no blank parts them. It ``opens`` or ``closes`` where a sentence, a list entry or a title
        begins or ends.
    """
    segments = _read_segments(items.with_row_index("row"))
    words = _read_tokens(segments)
    silent = segments.join(words, on="row", how="anti", maintain_order="left")
    parted = pl.col("content").str.replace_all(DIGITS, " $0 ")
    words = pl.concat([words, _read_tokens(silent.with_columns(parted))])
    decades = _read_decades(items.with_row_index("row"))
    found = pl.concat([words, decades]).sort("row", "field", "position")
    stems = found.select(pl.col("word").unique().sort()).with_columns(
        pl.col("word").map_elements(stem_word, return_dtype=pl.String).alias("stem")
    )
    return found.join(stems, on="word", how="left", maintain_order="left")


def stem_word(word: str) -> str:
    """Return the form that singular, plural and possessive of a word share.

    >>> [stem_word(w) for w in ("batteries", "boxes", "pens", "glass", "children's", "movies")]
    ['battery', 'box', 'pen', 'glass', 'children', 'movie']
    """
    if word[0].isdigit():
        return word
    word = SILENT_SIGNS.sub("", word).translate(SAME_LETTERS)
    for suffix in ("'s", "’s"):
        word = word.removesuffix(suffix)
    if word.endswith("ies") and len(word) > 6:
        return word[:-3] + "y"
    if word.endswith(("xes", "ches", "shes", "sses", "zes")) and len(word) > 4:
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        return word[:-1]
    return word


def _read_segments(items: pl.DataFrame) -> pl.DataFrame:
    """Cut items into ``(row, field, segment, content)``: each category is a segment by itself."""
    plain = items.select("row", TITLE, TEXT).unpivot(
        index="row", variable_name="field", value_name="content"
    )
    categories = items.select(
        "row", pl.lit(CATEGORY).alias("field"), pl.col("category_path").alias("content")
    ).explode("content")
    joined = pl.concat([plain, categories]).drop_nulls("content")
    return joined.with_columns(pl.int_range(pl.len()).over("row", "field").alias("segment"))


def _read_tokens(segments: pl.DataFrame) -> pl.DataFrame:
    plain = (
        clean_text(pl.col("content"))
        .str.replace_all(MARKUP, " ")
        .str.replace_all(CODE, "#")
        .str.to_lowercase()
        .str.replace_all(BEFORE_DIGIT, "$1 $2")
        .str.replace_all(AFTER_DIGIT, "$1 $2")
    )
    tokens = (
        segments.with_columns(plain.alias("content"))
        .with_columns(mark_borders(pl.col("content")).str.extract_all(TOKEN).alias("word"))
        .explode("word")
        .drop_nulls("word")
        .with_columns(
            pl.col("word").str.starts_with(BORDER).alias("is_glued"),
            pl.col("word").str.strip_prefix(BORDER).str.strip_chars_end(JOINERS),
            pl.int_range(pl.len()).over("row", "field").alias("nth"),
        )
    )
    # One position is left free between segments, so that no two of them look side by side.
    positioned = tokens.with_columns(
        (pl.col("nth") + pl.col("segment")).cast(pl.Int64).alias("position")
    )
    is_letters = pl.col("word").str.contains(WORD)
    root = pl.col("word").str.extract(r"^(\w+)['’]").fill_null(pl.col("word"))
    is_word = is_letters & (
        (pl.col("word").str.len_chars() > 1) | pl.col("word").str.contains(WHOLE_WORD)
    )
    judged = positioned.with_columns(
        (is_word & ~root.is_in(list(stop_words() | CONTRACTED))).alias("kept"),
        is_letters.alias("letters"),
    )
    before, farther = _neighbour(-1), _neighbour(-2)
    short = pl.when(before.is_in(BRIDGES)).then(before).when(before.is_in(SILENT)).then(pl.lit(""))
    is_long = farther.is_in(BRIDGES) & before.is_in(SILENT)
    linked = judged.with_columns(
        pl.when(_neighbour(-2, "kept").fill_null(False))
        .then(short)
        .when(_neighbour(-3, "kept").fill_null(False) & is_long)
        .then(farther + " " + before)  # lord of the rings
        .alias("bridge"),
        (~_neighbour(-1, "letters").fill_null(False)).alias("opens"),
        (~_neighbour(1, "letters").fill_null(False)).alias("closes"),
    ).with_columns((pl.col("position") - 1 - _count_words(pl.col("bridge"))).alias("link"))
    return linked.filter("kept").select(
        "row", "field", "position", "word", "link", "bridge", "is_glued", "opens", "closes"
    )


def _count_words(bridge: pl.Expr) -> pl.Expr:
    """Return how many stop words a bridge stands for; one that goes without saying is one."""
    return bridge.str.count_matches(" ").fill_null(-1) + 1


def _neighbour(steps: int, column: str = "word") -> pl.Expr:
    return pl.col(column).shift(-steps).over("row", "field", "segment")


def _read_decades(items: pl.DataFrame) -> pl.DataFrame:
    decade = pl.col(TITLE).str.extract(RELEASE_YEAR) + pl.lit("0s")
    return items.select(
        "row",
        pl.lit(CATEGORY).alias("field"),
        pl.lit(-2, dtype=pl.Int64).alias("position"),
        decade.alias("word"),
        pl.lit(-3, dtype=pl.Int64).alias("link"),
        pl.lit(None, dtype=pl.String).alias("bridge"),
        pl.lit(False).alias("is_glued"),
        pl.lit(True).alias("opens"),
        pl.lit(True).alias("closes"),
    ).drop_nulls("word")
