"""Says how far names can be trusted: to how much of what people meet do their words apply."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from training.clusters.cluster_name import ClusterName
from training.clusters.naming.name_writer import telling_stems


def measure_names(
    names: Sequence[ClusterName], words: pl.DataFrame, labels: np.ndarray, traffic: np.ndarray
) -> dict[str, float]:
    """Return flat figures of the names of one level.

    ``name_coverage`` is the share of a cluster's traffic in items that have a word of its name,
    its distinction left out: the mean over clusters, where one that is named by example or by a
    number has no words. ``lowest_name_coverage`` is the lowest of those that are named in words,
    0 without any. Items of a cluster without traffic count alike.

    Args:
        names: of the level's clusters.
        words: from :func:`training.clusters.representation.words.read_words`.
        labels: cluster of each item, ``[n_items]``.
        traffic: of each item, ``[n_items]``.
    """
    is_example = np.array([name.is_example for name in names])
    is_placeholder = np.array([name.is_placeholder for name in names])
    coverage = _find_coverage(names, words, labels, traffic)
    in_words = ~(is_example | is_placeholder)
    return {
        "name_coverage": float((coverage * in_words).mean()),
        "lowest_name_coverage": float(coverage[in_words].min()) if in_words.any() else 0.0,
        "named_by_example_share": float(is_example.mean()),
        "unnamed_share": float(is_placeholder.mean()),
        "n_named_by_example": int(is_example.sum()),
        "n_unnamed": int(is_placeholder.sum()),
    }


def _find_coverage(
    names: Sequence[ClusterName], words: pl.DataFrame, labels: np.ndarray, traffic: np.ndarray
) -> np.ndarray:
    """Return the share of each cluster's traffic that the words of its name apply to."""
    told = [(nth, stem) for nth, name in enumerate(names) for stem in telling_stems(name.theme)]
    schema = {"cluster": pl.Int64, "stem": pl.String}
    by_row = pl.DataFrame({"cluster": labels}, schema={"cluster": pl.Int64}).with_row_index("row")
    has_word = (
        words.select("row", "stem")
        .join(by_row, on="row")
        .join(pl.DataFrame(told, schema=schema, orient="row"), on=["cluster", "stem"], how="semi")
    )
    is_named = np.zeros(len(labels), dtype=bool)
    is_named[has_word["row"].to_numpy()] = True
    total = np.bincount(labels, weights=traffic, minlength=len(names))
    weights = np.where(total[labels] > 0, traffic, 1.0)
    whole = np.bincount(labels, weights=weights, minlength=len(names))
    named = np.bincount(labels, weights=weights * is_named, minlength=len(names))
    return np.asarray(named / np.maximum(whole, 1e-12))
