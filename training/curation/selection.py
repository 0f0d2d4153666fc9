"""Chooses among mined transitions: all, an equal few of each target, or a flattened share."""

from __future__ import annotations

import numpy as np
import polars as pl

from training.curation.config import CurationConfig

ORDER = ("user_id", "event_timestamp", "target_cluster")


def select_transitions(
    labels: pl.DataFrame, config: CurationConfig, rng: np.random.Generator
) -> pl.DataFrame:
    """Return the labels to learn from and to validate on, in order of user, time and target.

    Args:
        labels: see :func:`training.curation.transitions.mine_transitions`.
        config: the strategy and the caps.
        rng: decides which labels of a target stay.
    """
    train = labels.filter(pl.col("split") == "train").sort(*ORDER)
    validation = labels.filter(pl.col("split") == "validation").sort(*ORDER)
    if config.strategy == "all":
        chosen = sample_rows(train, config.max_train_transitions, rng)
    else:
        chosen = _take_quotas(train, _quotas(train, config), rng)
    judged = sample_rows(validation, config.max_validation_transitions, rng)
    return pl.concat([chosen, judged]).sort(*ORDER)


def sample_rows(frame: pl.DataFrame, count: int | None, rng: np.random.Generator) -> pl.DataFrame:
    """Return ``count`` rows drawn without replacement, in their old order; all if fewer."""
    if count is None or frame.height <= count:
        return frame
    return frame[np.sort(rng.choice(frame.height, size=count, replace=False))]


def flatten_counts(counts: np.ndarray, total: int, temperature: float) -> np.ndarray:
    """Share ``total`` among classes in proportion to ``counts ** (1 / temperature)``.

    No class gets more than it has; what it cannot use goes to the others in the same proportion.

    Args:
        counts: what each class has, int ``[classes]``, all positive.
        total: rows to share; everything is kept where there are no more than that.
        temperature: 1 keeps the proportions, larger flattens them.

    Returns:
        int64 ``[classes]``, summing to ``min(total, counts.sum())``.

    >>> flatten_counts(np.array([100, 100, 4]), 104, 1000.0)
    array([50, 50,  4])
    """
    if counts.sum() <= total:
        return counts.astype(np.int64)
    weights = counts.astype(np.float64) ** (1 / temperature)
    # Filling from the scarcest class (fewest rows for its weight) finds the level of the water.
    order = np.argsort(counts / weights, kind="stable")
    shares = np.zeros(counts.size)
    rest, weight = float(total), float(weights.sum())
    for index in order:
        shares[index] = min(float(counts[index]), rest * weights[index] / weight)
        rest, weight = rest - shares[index], weight - weights[index]
    return _round_to_sum(shares, total)


def cap_counts(counts: np.ndarray, cap: int, total: int) -> np.ndarray:
    """Keep at most ``cap`` of each class, and fewer alike where that exceeds ``total``."""
    capped = np.minimum(counts, cap).astype(np.int64)
    return flatten_counts(capped, total, 1.0)


def _quotas(train: pl.DataFrame, config: CurationConfig) -> pl.DataFrame:
    counts = train.group_by("target_cluster").agg(pl.len()).sort("target_cluster")
    available = counts["len"].to_numpy().astype(np.int64)
    total = config.max_train_transitions or int(available.sum())
    if config.strategy == "per_target":
        kept = cap_counts(available, config.per_target, total)
    else:
        kept = flatten_counts(available, total, config.temperature)
    return counts.select("target_cluster").with_columns(quota=pl.Series(kept, dtype=pl.Int64))


def _take_quotas(
    labels: pl.DataFrame, quotas: pl.DataFrame, rng: np.random.Generator
) -> pl.DataFrame:
    lot = pl.Series("lot", rng.permutation(labels.height), dtype=pl.Int64)
    rank = pl.col("lot").rank("ordinal").over("target_cluster")
    return (
        labels.with_columns(lot)
        .join(quotas, on="target_cluster", maintain_order="left")
        .filter(rank <= pl.col("quota"))
        .drop("lot", "quota")
    )


def _round_to_sum(shares: np.ndarray, total: int) -> np.ndarray:
    """Round down, then give what is missing to the largest remainders."""
    floors: np.ndarray = np.floor(shares).astype(np.int64)
    missing = total - int(floors.sum())
    remainders = np.argsort(-(shares - floors), kind="stable")
    floors[remainders[:missing]] += 1
    return floors
