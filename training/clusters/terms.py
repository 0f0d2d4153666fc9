"""Scores what a cluster could be called: which words and word pairs are more its own than others'.

The score of a term in a cluster is its part of the divergence between the cluster and what stands
around it, p log(p / q) (Kullback & Leibler 1951): p is the share of the cluster's items that have
the term, and q the share among all items, averaged with the share among the cluster's siblings,
so that what the whole catalogue or the whole family says is worth little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy.sparse as sp

from training.clusters.config import DescriptionConfig
from training.clusters.crowd import weigh_terms
from training.clusters.words import CATEGORY, TEXT

MIN_ITEMS_PER_TERM = 2
MIN_LETTERS = 3
READABLE = r"[aeiouy0]|[^\x00-\x7f]"  # has a vowel, is a decade, or is not written in Latin
CRUDE = r"fuck|shit|cunt|bitch|nigg|wank"  # tags are anybody's words; ours are not
UNITS_PER_MASS = 1000
PRIOR_ITEMS = 1.0
FAMILY_PART = 0.6  # siblings are what a cluster is most easily taken for
TEXT_WEIGHT = 0.5
CATEGORY_WEIGHT = 1.5


@dataclass(frozen=True)
class TermIndex:
    """Which items have which terms, one row per item and term, each term shown as most written.

    Attributes:
        cells: ``(row, term, weight)``; the weight is that of the best field the term stands in.
        terms: ``(term, surface, first, second, n_items, worth)``; ``first`` and ``second`` are
            stems, ``second`` null for a single word; ``term`` counts from 0.
    """

    cells: pl.DataFrame
    terms: pl.DataFrame


def index_terms(
    words: pl.DataFrame, company: np.ndarray, floor: float, config: DescriptionConfig
) -> TermIndex:
    """Find the words and word pairs that several items share.

    Args:
        words: from :func:`training.clusters.words.read_words`.
        company: collaborative vectors ``[n_items, d]``.
        floor: worth of a term whose items have no people in common.
        config: how many terms to keep.
    """
    fit = words.filter(
        (pl.col("word").str.len_chars() >= MIN_LETTERS)
        & pl.col("word").str.contains(READABLE)
        & ~pl.col("word").str.contains(CRUDE)
    )
    singles = fit.with_columns(
        pl.col("stem").alias("first"), pl.lit(None, dtype=pl.String).alias("second")
    )
    found = pl.concat([singles, _pair_words(fit)], how="diagonal").with_columns(
        pl.when(pl.col("field") == TEXT)
        .then(TEXT_WEIGHT)
        .when(pl.col("field") == CATEGORY)
        .then(CATEGORY_WEIGHT)
        .otherwise(1.0)
        .alias("weight")
    )
    key = ["first", "second"]
    surfaces = (
        found.group_by(*key, "word")
        .agg(pl.len().alias("uses"))
        .sort(*key, "uses", "word", descending=[False, False, True, False])
        .unique(key, keep="first", maintain_order=True)
    )
    terms = (
        found.group_by(key)
        .agg(pl.col("row").n_unique().alias("n_items"))
        .filter(pl.col("n_items") >= MIN_ITEMS_PER_TERM)
        .sort("n_items", *key, descending=[True, False, False])
        .head(config.max_terms)
        .join(surfaces, on=key, how="left", nulls_equal=True, maintain_order="left")
        .with_row_index("term")
        .select("term", pl.col("word").alias("surface"), *key, "n_items")
    )
    cells = (
        found.join(terms.select("term", *key), on=key, nulls_equal=True)
        .group_by("row", "term")
        .agg(pl.col("weight").max())
        .sort("row", "term")
    )
    incidence = sp.csr_matrix(
        (np.ones(cells.height), (cells["row"].to_numpy(), cells["term"].to_numpy())),
        shape=(len(company), terms.height),
    )
    worth = pl.Series("worth", weigh_terms(incidence, company, floor))
    return TermIndex(cells, terms.with_columns(worth))


def score_terms(
    index: TermIndex, labels: np.ndarray, families: np.ndarray, masses: np.ndarray
) -> pl.DataFrame:
    """Score every term in every cluster that has it twice.

    Args:
        index: the terms of the items.
        labels: cluster of each item, ``[n_items]``.
        families: parent cluster of each item, ``[n_items]``; all alike at the top level.
        masses: how much each item counts, ``[n_items]``.

    Returns:
        ``(cluster, term, surface, first, second, share, worth, score)``, best first within a
        cluster; only terms that the cluster has more of than its surroundings.
    """
    # Whole numbers add up to the same sum in any order; floats of many threads do not, and terms
    # that stand in the same items would change places from run to run.
    units = np.rint(masses * UNITS_PER_MASS).astype(np.int64)
    items = pl.DataFrame({"cluster": labels, "family": families, "mass": units})
    cells = index.cells.join(items.with_row_index("row"), on="row").with_columns(
        (pl.col("mass") * pl.col("weight")).round().cast(pl.Int64).alias("mass")
    )
    sizes = items.group_by("cluster").agg(pl.col("mass").sum(), pl.col("family").first())
    family_sizes = items.group_by("family").agg(pl.col("mass").sum().alias("family_mass"))
    whole = int(units.sum())
    prior = PRIOR_ITEMS * whole / len(labels)

    in_cluster = cells.group_by("cluster", "term").agg(
        pl.col("mass").sum().alias("found"), pl.len().alias("n_found")
    )
    in_family = cells.group_by("family", "term").agg(pl.col("mass").sum().alias("family_found"))
    overall = cells.group_by("term").agg(pl.col("mass").sum().alias("overall_found"))
    p = pl.col("found") / (pl.col("mass") + prior)
    q_all = pl.col("overall_found") / whole
    q_family = pl.col("family_found") / pl.col("family_mass")
    scored = (
        in_cluster.filter(pl.col("n_found") >= MIN_ITEMS_PER_TERM)
        .join(sizes, on="cluster")
        .join(in_family, on=["family", "term"])
        .join(family_sizes, on="family")
        .join(overall, on="term")
        .with_columns(
            p.alias("share"),
            (
                p * ((1 - FAMILY_PART) * (p / q_all).log() + FAMILY_PART * (p / q_family).log())
            ).alias("score"),
        )
        .filter(pl.col("score") > 0)
    )
    return (
        scored.join(index.terms, on="term")
        .with_columns(pl.col("score") * pl.col("worth"))
        .select("cluster", "term", "surface", "first", "second", "share", "worth", "score")
        .sort("cluster", "score", "term", descending=[False, True, False])
    )


def _pair_words(words: pl.DataFrame) -> pl.DataFrame:
    """Return pairs of different words that stand side by side within a field."""
    following = words.select(
        "row",
        "field",
        (pl.col("place") - 1).alias("place"),
        pl.col("word").alias("next_word"),
        pl.col("stem").alias("second"),
    )
    pairs = words.join(following, on=["row", "field", "place"]).filter(
        pl.col("stem") != pl.col("second")
    )
    return pairs.select(
        "row",
        "field",
        "place",
        (pl.col("word") + " " + pl.col("next_word")).alias("word"),
        "stem",
        pl.col("stem").alias("first"),
        "second",
    )
