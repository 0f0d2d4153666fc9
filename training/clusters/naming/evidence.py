"""Says how much a term tells about a cluster, alone and beside the terms that already stand there.

A reader who sees a term guesses whether an item is of the cluster or of what stands around it.
What the term tells is the mutual information of the two, with both sides equally likely: the
Jensen-Shannon divergence of the term's frequencies. What it adds to others is the conditional
mutual information given the one that says most of the same (CMIM, Fleuret 2004): two words for one
thing add nothing to each other, while a word for the other half of a cluster does, and so does one
that narrows the first down.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MISSED = 0.8
"""Chance that a pair of terms which one item has is found in no other item. On the validation
window .7 named fine levels worse, .85 no better and shorter
(docs/research/experiments.md#clusters)."""


@dataclass(frozen=True)
class Frequencies:
    """How often candidates stand together within a cluster and around it.

    Attributes:
        within: share of the cluster that has both of two terms, float64 ``[c, c]``; the diagonal
            holds the share that has the one.
        around: the same in what stands around the cluster.
        overall: the same in everything.
        meetings: how many items have both, int64 ``[c, c]``.
    """

    within: np.ndarray
    around: np.ndarray
    overall: np.ndarray
    meetings: np.ndarray


def diverge(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the Jensen-Shannon divergence of distributions over the first axis, in bits.

    >>> diverge(np.array([1.0, 0.0]), np.array([0.0, 1.0])).item()
    1.0
    """
    middle = (first + second) / 2
    parts = np.zeros_like(middle)
    for side in (first, second):
        ratio = np.divide(side, middle, out=np.ones_like(side), where=side > 0)
        parts += side * np.log2(ratio) / 2
    divergence: np.ndarray = parts.sum(axis=0)
    return divergence


def find_gains(frequencies: Frequencies) -> np.ndarray:
    """Return what each term (column) adds to each other one (row), in bits, ``[c, c]``.

    Zero where knowing the row turns the column into evidence against the cluster.
    """
    within, around = _cross(frequencies.within), _cross(frequencies.around)  # [4, c, c]
    alone = [
        np.stack([np.diag(f), 1 - np.diag(f)]) for f in (frequencies.within, frequencies.around)
    ]
    gains = diverge(within, around) - diverge(*alone)[:, None]
    speaks_for = np.zeros_like(gains)
    for both, only_row in ((0, 1), (2, 3)):  # the row's term present, then absent
        weight = (within[both] + within[only_row] + around[both] + around[only_row]) / 2
        speaks_for += weight * (_share(within, both, only_row) - _share(around, both, only_row))
    kept: np.ndarray = np.where(speaks_for > 0, np.maximum(gains, 0), 0)
    return kept


def find_affinity(frequencies: Frequencies) -> np.ndarray:
    """Return how much two terms can be expected to occur together elsewhere, -1 to 1, ``[c, c]``.

    Normalised pointwise mutual information over all items (Bouma 2009), -1 being never. The
    fewer items two terms were met in, the more likely they never meet among others.
    """
    together = np.maximum(frequencies.overall, 1e-12)
    single = np.diag(together)
    known: np.ndarray = np.log(together / np.outer(single, single)) / -np.log(together)
    missed = MISSED**frequencies.meetings
    affinity: np.ndarray = (1 - missed) * np.clip(known, -1, 1) - missed
    return affinity


def _cross(together: np.ndarray) -> np.ndarray:
    """Return the shares of both, row only, column only, neither, ``[4, c, c]``."""
    single = np.diag(together)
    row_only, column_only = single[:, None] - together, single[None, :] - together
    cells = np.stack([together, row_only, column_only, 1 - together - row_only - column_only])
    clipped: np.ndarray = np.maximum(cells, 0)
    return clipped


def _share(cells: np.ndarray, with_column: int, without_column: int) -> np.ndarray:
    total = cells[with_column] + cells[without_column]
    share: np.ndarray = np.divide(
        cells[with_column], total, out=np.zeros_like(total), where=total > 0
    )
    return share
