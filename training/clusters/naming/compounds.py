"""Joins words of scripts without blanks that hardly stand without each other: one word, cut in two.

A dictionary of words is not that of a catalogue: what it parts, and what nearly always stands
together there, is a word of it (Mikolov et al. 2013 join phrases so). Half of one names nothing.
"""

from __future__ import annotations

import polars as pl

BOUND_SHARE = 0.8  # of the items of either word have it beside the other
MIN_ITEMS = 2
"""Two words beside each other in one item are chance."""


def join_compounds(words: pl.DataFrame) -> pl.DataFrame:
    """Return the words with those joined that are bound to each other, in the same columns.

    Args:
        words: from :func:`training.clusters.representation.words.read_words`, or some of them.
    """
    if not words["is_glued"].any():
        return words
    before = pl.col("position", "stem").shift(1).over("row", "field").name.suffix("_before")
    is_beside = pl.col("link") == pl.col("position_before")
    beside = words.with_columns(before).with_columns(
        touches=(pl.col("is_glued") & is_beside).fill_null(False)
    )
    pairs = (
        beside.filter("touches")
        .group_by("stem_before", "stem")
        .agg(pl.col("row").n_unique().alias("n_pair"))
    )
    spread = words.group_by("stem").agg(pl.col("row").n_unique().alias("n_items"))
    bound = (
        pairs.join(spread, on="stem")
        .join(spread.rename({"stem": "stem_before", "n_items": "n_before"}), on="stem_before")
        .filter(
            (pl.col("n_pair") >= MIN_ITEMS)
            & (pl.col("n_pair") >= BOUND_SHARE * pl.max_horizontal("n_items", "n_before"))
        )
        .select("stem_before", "stem", pl.lit(True).alias("is_bound"))
    )
    marked = beside.join(bound, on=["stem_before", "stem"], how="left", maintain_order="left")
    follows = (pl.col("touches") & pl.col("is_bound")).fill_null(False)
    return (
        marked.with_columns((~follows).cum_sum().alias("compound"))
        .group_by("compound", maintain_order=True)
        .agg(
            pl.col("row", "field", "link", "bridge", "is_glued", "opens").first(),
            pl.col("word", "stem").str.join(""),
            pl.col("position", "closes").last(),  # what follows is linked to the last of them
        )
        .select(words.columns)
    )
