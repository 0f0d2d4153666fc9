"""Describes what curation kept: sizes, and how evenly the novel clusters are represented."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from training.clusters.distance import DISTANCES, Ancestors, Distance

SPLITS = ("train", "validation")


def count_targets(labels: pl.DataFrame, kept: pl.DataFrame, n_clusters: int) -> pl.DataFrame:
    """Return ``target_cluster, n_mined, n_kept`` of training, one row for each cluster."""
    targets = pl.DataFrame({"target_cluster": np.arange(n_clusters)})
    counts = targets
    for name, rows in (("n_mined", labels), ("n_kept", kept)):
        of_training = rows.filter(pl.col("split") == "train")
        sizes = of_training.group_by("target_cluster").agg(pl.len().cast(pl.Int64).alias(name))
        counts = counts.join(sizes, on="target_cluster", how="left")
    return counts.fill_null(0).sort("target_cluster")


def write_card(
    labels: pl.DataFrame,
    kept: pl.DataFrame,
    cases: Mapping[str, pl.DataFrame],
    targets: pl.DataFrame,
    ancestors: Ancestors,
) -> dict[str, float | int]:
    """Return the flat data card of curation.

    Args:
        labels: all mined labels.
        kept: TRANSITIONS.
        cases: CASES and ITEM_CASES by the name their figures carry.
        targets: see :func:`count_targets`.
        ancestors: of the clusters, by which distances are measured.
    """
    card: dict[str, float | int] = {"clusters": targets.height}
    for split in SPLITS:
        card[f"{split}_transitions_mined"] = _of_split(labels, split).height
        card[f"{split}_transitions"] = _of_split(kept, split).height
        card[f"{split}_users"] = _of_split(kept, split)["user_id"].n_unique()
        card[f"{split}_targets"] = _of_split(kept, split)["target_cluster"].n_unique()
        led_to = _of_split(kept, split).with_columns(pl.concat_list("target_cluster"))
        for distance, n in count_distances(led_to, "target_cluster", ancestors).items():
            card[f"{split}_transitions_{distance}"] = n
    sizes = targets["n_kept"].to_numpy()
    card["train_target_coverage"] = round(float((sizes > 0).mean()), 6)
    card["train_per_target_min"] = int(sizes.min())
    card["train_per_target_median"] = float(np.median(sizes))
    card["train_per_target_max"] = int(sizes.max())
    card["train_target_largest_share"] = round(float(sizes.max() / max(sizes.sum(), 1)), 6)
    card["train_target_balance"] = round(measure_balance(sizes), 6)
    card["mined_target_balance"] = round(measure_balance(targets["n_mined"].to_numpy()), 6)
    one_cluster = kept.filter(pl.col("context").list.len() == 1).height
    card["transitions_from_one_cluster"] = one_cluster
    for name, frame in cases.items():
        for split in ("validation", "test"):
            card[f"{split}_{name}"] = _of_split(frame, split).height
            card[f"{split}_{name}_users"] = _of_split(frame, split)["user_id"].n_unique()
    for split in ("validation", "test"):
        asked = _of_split(cases["cases"], split)
        for distance, n in count_distances(asked, "positives", ancestors).items():
            card[f"{split}_liked_{distance}"] = n
    return card


def count_distances(rows: pl.DataFrame, column: str, ancestors: Ancestors) -> dict[Distance, int]:
    """Return how many of the clusters in a column of lists lie at each distance.

    Args:
        rows: with ``consumed_clusters``, from which distances are measured.
        column: novel clusters of each row.
        ancestors: of the clusters.
    """
    codes = ancestors.distances_of(rows["consumed_clusters"].to_list())  # [rows, N]
    novel = rows.with_row_index("row").select("row", column).explode(column).drop_nulls()
    found = codes[novel["row"].to_numpy(), novel[column].to_numpy()]
    return {name: int((found == code).sum()) for code, name in enumerate(DISTANCES)}


def measure_balance(sizes: np.ndarray) -> float:
    """Return the normalised entropy of class sizes ``[classes]``: 1 is even, 0 is a single class.

    >>> measure_balance(np.array([5, 5, 5, 5])), measure_balance(np.array([7, 0]))
    (1.0, 0.0)
    """
    if sizes.size < 2 or sizes.sum() == 0:
        return 0.0
    shares = sizes[sizes > 0] / sizes.sum()
    entropy = -float((shares * np.log(shares)).sum())
    return abs(entropy) / float(np.log(sizes.size))


def _of_split(frame: pl.DataFrame, split: str) -> pl.DataFrame:
    return frame.filter(pl.col("split") == split)
