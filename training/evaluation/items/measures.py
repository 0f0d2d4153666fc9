"""How well what was held out is ranked, case by case; definitions are those of RecTools.

``hit_rate``, ``ndcg`` (its ideal being what the case allows), ``mrr`` and ``recall`` are RecTools'
HitRate, NDCG with ``divide_by_achievable``, MRR and Recall at k.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Shapes: C cases, P positives of all cases.

DEPTHS = (1, 5, 10, 20)
"""The first, what a page shows, and the depths at which papers report."""
ACCURACY = ("hit_rate", "ndcg", "mrr", "recall")


def measure_ranks(
    ranks: np.ndarray, offsets: np.ndarray, depths: Sequence[int] = DEPTHS
) -> dict[str, np.ndarray]:
    """Return ``{measure}_at_{k}`` of every case, float64 ``[C]`` each, for all of ``ACCURACY``.

    - hit rate: 1 if any positive stands in the top k;
    - NDCG: each hit at rank r gains 1 / log2(r + 1), over the most that the case's positives
      could gain in the top k (Järvelin and Kekäläinen, 2002);
    - MRR: 1 over the rank of the first positive, 0 beyond rank k;
    - recall: positives in the top k over all positives of the case.

    Args:
        ranks: of every positive, from 1, infinite where not ranked, ``[P]``; those of a case
            are distinct.
        offsets: where the positives of each case start, and the end, ``[C + 1]``; a case has one
            or more.
        depths: the k.

    Raises:
        ValueError: a case has no positives.

    >>> measured = measure_ranks(np.array([2.0, 9.0, 1.0]), np.array([0, 2, 3]), [5])
    >>> measured["recall_at_5"].tolist(), measured["mrr_at_5"].tolist()
    ([0.5, 1.0], [0.5, 1.0])
    """
    starts, n_positives = offsets[:-1], np.diff(offsets)  # [C] each
    if (n_positives == 0).any():
        raise ValueError("a case without positives has no recall; leave it out")
    if not len(starts):
        return {f"{name}_at_{k}": np.empty(0) for k in depths for name in ACCURACY}
    first = np.minimum.reduceat(ranks, starts)  # [C]
    gains = 1 / np.log2(ranks + 1)  # [P]
    ideal = np.cumsum(1 / np.log2(np.arange(2, max(depths) + 2)))  # of 1, 2, … positives
    measured = {}
    for k in depths:
        is_hit = ranks <= k  # [P]
        measured[f"hit_rate_at_{k}"] = (first <= k).astype(np.float64)
        measured[f"ndcg_at_{k}"] = (
            np.add.reduceat(np.where(is_hit, gains, 0.0), starts)
            / ideal[np.minimum(n_positives, k) - 1]
        )
        measured[f"mrr_at_{k}"] = np.where(first <= k, 1 / first, 0.0)
        measured[f"recall_at_{k}"] = (
            np.add.reduceat(is_hit.astype(np.float64), starts) / n_positives
        )
    return measured
