"""Metrics of rankings and of exposure, and their uncertainty: pure functions, users as the unit.

Rankings are best first and may be shorter than ``k``: missing ranks are misses. A case has one
or more positives; asking for a case without any is an error, not a zero.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 1000
"""The usual number for intervals: the ends of one at 95% then err by some 2% of its width."""
LEVEL = 0.95
"""Of intervals, the usual one."""
DECIMALS = 6
"""Of figures written down: below them, sums of other order may differ."""
CELLS_AT_ONCE = 8_000_000
"""Resamples x users drawn in one piece: 64 MB."""


def recall_at_k(ranked: Sequence[Hashable], positives: Collection[Hashable], k: int) -> float:
    """Return hits in the top ``k`` over ``min(k, number of positives)``.

    >>> recall_at_k([7, 3, 9], {3, 8}, k=2)
    0.5
    >>> recall_at_k([7, 3, 9], {3, 8, 9}, k=1)
    0.0
    >>> recall_at_k([3], {3, 8}, k=5)  # four ranks are missing
    0.5
    """
    wanted = _positives(positives)
    return len(wanted.intersection(ranked[:k])) / min(k, len(wanted))


def ndcg_at_k(ranked: Sequence[Hashable], positives: Collection[Hashable], k: int) -> float:
    """Return the normalised discounted cumulative gain with binary gains.

    Each hit at rank r (from 1) gains 1 / log2(r + 1); the ideal ranking has all positives first
    (Järvelin and Kekäläinen, 2002).

    >>> ndcg_at_k("abc", {"a"}, k=3)
    1.0
    >>> round(ndcg_at_k("abc", {"b"}, k=3), 4)
    0.6309
    """
    wanted = _positives(positives)
    gains = 1 / np.log2(np.arange(2, k + 2))
    hits = [rank for rank, name in enumerate(ranked[:k]) if name in wanted]
    return float(gains[hits].sum() / gains[: len(wanted)].sum())


def reciprocal_rank(ranked: Sequence[Hashable], positives: Collection[Hashable]) -> float:
    """Return 1 / (rank of the first positive), 0 where none is ranked; its mean is MRR.

    >>> reciprocal_rank("abc", {"b", "c"}), reciprocal_rank("abc", {"z"})
    (0.5, 0.0)
    """
    wanted = _positives(positives)
    return next((1 / rank for rank, name in enumerate(ranked, 1) if name in wanted), 0.0)


def exposure_at_k(rankings: Iterable[Sequence[int]], n_names: int, k: int) -> NDArray[np.int64]:
    """Return how often each of the names 0..n_names-1 stands in the top ``k``.

    >>> exposure_at_k([[0, 1], [0, 2]], n_names=4, k=2).tolist()
    [2, 1, 1, 0]
    """
    shown = [name for ranked in rankings for name in ranked[:k]]
    return np.bincount(np.asarray(shown, dtype=np.int64), minlength=n_names)


def coverage_at_k(rankings: Iterable[Sequence[int]], n_names: int, k: int) -> float:
    """Return the share of the names that stand in the top ``k`` of any ranking.

    >>> coverage_at_k([[0, 1], [0, 2]], n_names=4, k=1)
    0.25
    """
    return float(np.count_nonzero(exposure_at_k(rankings, n_names, k)) / n_names)


def gini(exposure: ArrayLike) -> float:
    """Return the Gini index of exposure counts: 0 all equal, (n - 1) / n one name has all.

    >>> gini([5, 5, 5, 5]), gini([0, 0, 0, 8])
    (0.0, 0.75)
    """
    counts = np.sort(np.asarray(exposure, dtype=np.float64))
    if counts.sum() == 0:
        return 0.0
    ranks = np.arange(1, len(counts) + 1)
    return float((2 * ranks - len(counts) - 1) @ counts / (len(counts) * counts.sum()))


def entropy(exposure: ArrayLike) -> float:
    """Return the Shannon entropy of exposure counts, in bits; log2(n) where all are equal.

    >>> entropy([3, 3, 3, 3]), entropy([0, 9])
    (2.0, 0.0)
    """
    counts = np.asarray(exposure, dtype=np.float64)
    shares = counts[counts > 0] / max(counts.sum(), 1)
    return float(abs((shares * np.log2(shares)).sum()))


def least_exposed_share(exposure: ArrayLike, share: float = 0.1) -> float:
    """Return what part of all exposure the least exposed tenth (rounded up) of the names gets.

    >>> least_exposed_share([1, 9] + [10] * 9)  # two of eleven names
    0.1
    """
    counts = np.sort(np.asarray(exposure, dtype=np.float64))
    return float(counts[: int(np.ceil(share * len(counts)))].sum() / max(counts.sum(), 1))


@dataclass(frozen=True)
class Interval:
    """A mean over cases with its percentile bootstrap interval."""

    mean: float
    low: float
    high: float
    n_cases: int
    n_users: int

    def named(self, name: str) -> dict[str, float]:
        """Return mean and ends as entries of a flat metrics file, rounded to six decimals.

        >>> Interval(0.5, 0.4, 0.6, n_cases=9, n_users=7).named("recall")
        {'recall': 0.5, 'recall_low': 0.4, 'recall_high': 0.6}
        """
        ends = {name: self.mean, f"{name}_low": self.low, f"{name}_high": self.high}
        return {key: round(value, DECIMALS) for key, value in ends.items()}


def bootstrap_interval(
    values: ArrayLike,
    users: ArrayLike,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Interval:
    """Return the mean of ``values`` [case] and its interval, resampling whole users.

    For a paired difference of two methods on the same cases, give ``ours - theirs``.

    >>> rng = np.random.default_rng(0)
    >>> bootstrap_interval([1.0, 1.0, 1.0], ["ann", "ann", "bob"], rng)
    Interval(mean=1.0, low=1.0, high=1.0, n_cases=3, n_users=2)
    """
    column = np.asarray(values, dtype=np.float64)[:, None]
    return bootstrap_intervals(column, users, rng, resamples, level)[0]


def bootstrap_intervals(
    values: ArrayLike,
    users: ArrayLike,
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> list[Interval]:
    """Return one :class:`Interval` per column of ``values`` [case, column], on shared resamples.

    A resample draws as many users as there are, with replacement, each with all its cases, and
    takes the mean over the drawn cases (Efron and Tibshirani, 1993, percentile interval).

    Raises:
        ValueError: no case, or ``users`` [case] and ``values`` differ in length.
    """
    table = np.asarray(values, dtype=np.float64)
    names, index = np.unique(np.asarray(users), return_inverse=True)
    if table.ndim != 2 or len(table) != len(index) or len(table) == 0:
        raise ValueError(f"values [case, column] and users [case] needed, not {table.shape}")
    sums = np.zeros((len(names), table.shape[1] + 1))  # last column: cases of the user
    np.add.at(sums, index, np.column_stack([table, np.ones(len(table))]))
    drawn = resample_sums(sums, rng, resamples)
    means = drawn[:, :-1] / drawn[:, -1:]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return [
        Interval(float(mean), float(lower), float(upper), len(table), len(names))
        for mean, lower, upper in zip(table.mean(axis=0), low, high, strict=True)
    ]


def wilson_interval(hits: int, trials: int) -> tuple[float, float]:
    """Return the 95% interval of a share of independent trials (Wilson, 1927).

    Raises:
        ValueError: there is no trial.

    >>> tuple(round(end, 4) for end in wilson_interval(hits=98, trials=100))
    (0.93, 0.9945)
    """
    if trials < 1:
        raise ValueError("a share of no trials has no interval")
    z = 1.959963984540054
    share = hits / trials
    middle = share + z * z / (2 * trials)
    spread = z * float(np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)))
    scale = 1 + z * z / trials
    return (middle - spread) / scale, (middle + spread) / scale


def resample_sums(
    sums: NDArray[np.float64], rng: np.random.Generator, resamples: int = RESAMPLES
) -> NDArray[np.float64]:
    """Return the column sums of as many users drawn with replacement, [resamples, column].

    Ratios and differences of columns, taken after drawing, have their paired intervals.

    Args:
        sums: of each user, [user, column].
        rng: draws.
        resamples: how often.
    """
    n_users = len(sums)
    step = max(1, CELLS_AT_ONCE // n_users)
    pieces = []
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = rng.integers(n_users, size=(rows, n_users))
        flat = (drawn + n_users * np.arange(rows)[:, None]).ravel()
        times = np.bincount(flat, minlength=rows * n_users).reshape(rows, n_users)
        pieces.append(times.astype(np.float64) @ sums)
    return np.concatenate(pieces)


def _positives(positives: Collection[Hashable]) -> frozenset[Hashable]:
    if not positives:
        raise ValueError("a case without positives has no recall; leave it out")
    return frozenset(positives)
