"""Lists what clusters could be called: words, and phrases of two or three that belong together.

A phrase is kept when its words stand side by side more often than chance would put them there,
by normalised pointwise mutual information over items (Bouma 2009).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
import regex
import scipy.sparse as sp

from training.clusters.config import DescriptionConfig
from training.clusters.naming.compounds import join_compounds
from training.clusters.representation.term_coherence import weigh_terms
from training.clusters.representation.words import CATEGORY, TEXT, TITLE

# How many of 64 names change with each of these: docs/research/clusters.md#what-hangs-on-the-rules.
MIN_ITEMS_PER_TERM = 2
"""A term of one item tells two clusters apart by chance."""
MIN_LETTERS = 3
"""Shorter Latin words are mostly codes and units."""
BRIEF = regex.compile(r"[\p{Lo}\p{M}\p{Cf}ー々]{2,}|[\p{Han}\p{Hangul}]")  # of scripts without case
# It has a vowel, is a decade, or is not written in Latin.
READABLE = regex.compile(r"[aeiouy0]|[^\x00-\x7f]")
# A colour, a size or a form names nothing by itself; within a phrase it does (black ink).
ATTRIBUTE_WORDS = """
assorted big black blue box bright brown clear color colored colors colour dark green gold gray grey
heavy large light long mini new old orange pink premium purple red sheet short silver small standard
white yellow
"""
ATTRIBUTES = frozenset(ATTRIBUTE_WORDS.split())
UNITS = frozenset({"mil", "yards"})
CRUDE = re.compile(r"fuck|shit|cunt|bitch|nigg|wank")  # tags are anybody's words; ours are not
LONGEST_PHRASE = 3
"""Words; of longer runs few are shared by several items."""
MIN_PHRASE_NPMI = 0.3
"""Of words that belong together; 0 is chance, 1 never apart."""
MIN_PHRASE_SHARE = 0.5  # of the items of its rarest word: that word hardly stands without it
TITLE_EMPHASIS = 100
"""A title says what an item is; the others are in proportion."""
TEXT_EMPHASIS = 30
"""Running text mentions much that an item is not about."""
CATEGORY_EMPHASIS = 150
"""A category is said of an item by somebody who has seen all of them."""
LABELLED_SHARE = 0.8  # of the items that have a term have it in a category: it is a label
STEMS = tuple(f"stem_{nth}" for nth in range(LONGEST_PHRASE))


@dataclass(frozen=True)
class TermIndex:
    """Which items have which terms.

    Attributes:
        surfaces: how each term is written most often, ``[n_terms]``.
        stems: the stem of each of its words, ``[n_terms]``.
        worth: what the crowd makes of each, float64 ``[n_terms]``.
        incidence: 1 where an item has a term, int64 ``[n_items, n_terms]``.
        emphasis: how prominently, 100 standing for the title; same type and shape.
        positions: where in the title a term first stands, from 1; 0 where it does not; same shape.
        is_told: whether texts or categories of several items have the term, bool ``[n_terms]``.
        is_label: whether it is categories that have it, and texts say nothing that they do not,
            same type and shape.
    """

    surfaces: Sequence[str]
    stems: Sequence[tuple[str, ...]]
    worth: np.ndarray
    incidence: sp.csr_matrix
    emphasis: sp.csr_matrix
    positions: sp.csr_matrix
    is_told: np.ndarray
    is_label: np.ndarray

    @cached_property
    def words(self) -> Mapping[str, int]:
        """The terms that are one word, by its stem."""
        return {stems[0]: nth for nth, stems in enumerate(self.stems) if len(stems) == 1}


def index_terms(
    words: pl.DataFrame, collaborative: np.ndarray, floor: float, config: DescriptionConfig
) -> TermIndex:
    """Find the words and phrases that several items share.

    Args:
        words: from :func:`training.clusters.representation.words.read_words`.
        collaborative: collaborative vectors ``[n_items, d]``.
        floor: worth of a term whose items have no people in common.
        config: how many terms to keep.
    """
    distinct = words["word"].unique().sort()
    readable = distinct.filter(
        pl.Series([is_readable(word) for word in distinct], dtype=pl.Boolean)
    )
    found = _chain_words(join_compounds(words.filter(pl.col("word").is_in(readable.implode()))))
    listed = _keep_phrases(_list_terms(found), len(collaborative))
    is_attribute = pl.col(STEMS[0]).is_in(ATTRIBUTES) & pl.col(STEMS[1]).is_null()
    # Two ways to part the same letters are one name to a reader.
    named = listed.filter(~is_attribute).unique("surface", keep="first", maintain_order=True)
    terms = named.head(config.max_terms).with_row_index("term")
    cells = (
        found.join(terms.select("term", *STEMS), on=STEMS, nulls_equal=True)
        .group_by("row", "term")
        .agg(
            _emphasis().max().alias("emphasis"),
            (pl.col("position").filter(pl.col("field") == TITLE).min() + 1).alias("title_position"),
            (pl.col("field") != TITLE).any().alias("told"),
            (pl.col("field") == CATEGORY).any().alias("labelled"),
        )
        .sort("row", "term")
    )
    shape = (len(collaborative), terms.height)
    incidence = _lay_out(cells.with_columns(pl.lit(1).alias("one")), "one", shape)
    stems = [tuple(filter(None, row)) for row in terms.select(*STEMS).iter_rows()]
    return TermIndex(
        surfaces=terms["surface"].to_list(),
        stems=stems,
        worth=weigh_terms(incidence, collaborative, floor),
        incidence=incidence,
        emphasis=_lay_out(cells, "emphasis", shape),
        positions=_lay_out(cells.drop_nulls("title_position"), "title_position", shape),
        is_told=_count(cells.filter("told"), terms.height) >= MIN_ITEMS_PER_TERM,
        is_label=_find_labels(words, cells, terms.height),
    )


def is_readable(word: str) -> bool:
    """Say whether a word, in lower case, may stand in a name.

    >>> [is_readable(word) for word in ("ink", "cbr", "ox", "1990s", "crème", "yards", "图书")]
    [True, False, False, True, True, False, True]
    """
    is_long = len(word) >= MIN_LETTERS or BRIEF.fullmatch(word)
    is_word = is_long and READABLE.search(word) and word not in UNITS
    return bool(is_word and not CRUDE.search(word))


def _chain_words(words: pl.DataFrame) -> pl.DataFrame:
    """Return every run of one to three different words that stand side by side within a field.

    A run ``is_phrase`` where it stands in a title or a category, or is all of a sentence or of a
    list entry: cut out of running text, few words read well.
    """
    first = words.select(
        "row",
        "field",
        "position",
        pl.col("position").alias("end"),
        "opens",
        "closes",
        pl.col("word").alias("surface"),
        pl.col("stem").alias(STEMS[0]),
        *(pl.lit(None, dtype=pl.String).alias(name) for name in STEMS[1:]),
    )
    following = words.select(
        "row",
        "field",
        pl.col("link").alias("end"),
        pl.col("position").alias("next_end"),
        pl.col("closes").alias("next_closes"),
        pl.concat_str(
            pl.when(~pl.col("is_glued")).then(pl.lit("")),
            pl.when(pl.col("bridge") != "").then("bridge"),
            "word",
            separator=" ",
            ignore_nulls=True,
        ).alias("next_words"),
        pl.col("stem").alias("next_stem"),
    )
    runs, longest = [first], first
    for length in range(1, LONGEST_PHRASE):
        repeats = pl.any_horizontal(pl.col("next_stem") == pl.col(n) for n in STEMS[:length])
        longest = (
            longest.join(following, on=["row", "field", "end"])
            .filter(~repeats)
            .with_columns(
                pl.col("surface") + pl.col("next_words"),
                pl.col("next_stem").alias(STEMS[length]),
                pl.col("next_end").alias("end"),
                pl.col("next_closes").alias("closes"),
            )
            .select(first.columns)
        )
        runs.append(longest)
    is_phrase = (pl.col("field") != TEXT) | (pl.col("opens") & pl.col("closes"))
    return pl.concat(runs).with_columns(is_phrase.alias("is_phrase"))


def _list_terms(found: pl.DataFrame) -> pl.DataFrame:
    """Return ``(surface, n_items)`` and the stems of all terms, the most frequent first."""
    surfaces = (
        found.group_by(*STEMS, "surface")
        .agg(pl.len().alias("uses"))
        .sort(*STEMS, "uses", "surface", descending=[False] * len(STEMS) + [True, False])
        .unique(STEMS, keep="first", maintain_order=True)
        .drop("uses")
    )
    return (
        found.group_by(STEMS)
        .agg(
            pl.col("row").n_unique().alias("n_items"),
            pl.col("row").filter("is_phrase").n_unique().alias("n_phrases"),
        )
        .filter(
            (pl.col("n_items") >= MIN_ITEMS_PER_TERM)
            & (pl.col(STEMS[1]).is_null() | (pl.col("n_phrases") >= MIN_ITEMS_PER_TERM))
        )
        .join(surfaces, on=STEMS, how="left", nulls_equal=True)
        .sort("n_items", *STEMS, descending=[True] + [False] * len(STEMS))
    )


def _keep_phrases(terms: pl.DataFrame, n_items: int) -> pl.DataFrame:
    """Drop phrases whose words stand side by side hardly more often than by chance."""
    alone = terms.filter(pl.col(STEMS[1]).is_null())
    counts = dict(alone.select(STEMS[0], "n_items").iter_rows())
    singles = [
        pl.col(name).replace_strict(counts, default=None, return_dtype=pl.Int64) for name in STEMS
    ]
    n_words = pl.sum_horizontal(pl.col(name).is_not_null() for name in STEMS)
    joint = (pl.col("n_items") / n_items).log()
    # For several words as by Van de Cruys (2011), divided by (words - 1) times -log p.
    chance = pl.sum_horizontal((count / n_items).log() for count in singles)
    npmi = (joint - chance) / ((n_words - 1) * -joint.clip(upper_bound=-1e-9))
    belongs = pl.col("n_items") >= MIN_PHRASE_SHARE * pl.min_horizontal(singles)
    return terms.filter((n_words == 1) | (npmi >= MIN_PHRASE_NPMI) | belongs)


def _emphasis() -> pl.Expr:
    return (
        pl.when((pl.col("field") == TEXT) & ~pl.col("is_phrase"))
        .then(TEXT_EMPHASIS)
        .when(pl.col("field") == CATEGORY)
        .then(CATEGORY_EMPHASIS)
        .otherwise(TITLE_EMPHASIS)
    )


def _find_labels(words: pl.DataFrame, cells: pl.DataFrame, n_terms: int) -> np.ndarray:
    """Return which terms are labels, bool ``[n_terms]``: none where texts say more than they do."""
    in_texts, in_categories = (
        words.filter(pl.col("field") == field).select("row", "stem") for field in (TEXT, CATEGORY)
    )
    if not in_texts.join(in_categories, on=["row", "stem"], how="anti").is_empty():
        return np.zeros(n_terms, dtype=bool)
    labelled = _count(cells.filter("labelled"), n_terms)
    return np.asarray(labelled >= LABELLED_SHARE * _count(cells, n_terms))


def _count(cells: pl.DataFrame, n_terms: int) -> np.ndarray:
    """Return how many items have each term, ``[n_terms]``."""
    return np.bincount(cells["term"], minlength=n_terms)


def _lay_out(cells: pl.DataFrame, values: str, shape: tuple[int, int]) -> sp.csr_matrix:
    cells_at = (cells["row"].to_numpy(), cells["term"].to_numpy())
    return sp.csr_matrix((cells[values].to_numpy().astype(np.int64), cells_at), shape=shape)
