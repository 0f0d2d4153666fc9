"""Recall by how popular the wanted item was, cold items apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from expectations.contracts.values import PADDING_INDEX
from training.evaluation.items.cases import HeldOut
from training.recommender.data.layout import FIRST_ITEM

# Shapes: C cases, P positives of all cases, I items.

ITEM_BUCKETS = ("cold", "tail", "middle", "head")
BUCKET_DEPTH = 10
"""As deep as the lists are compared elsewhere."""


@dataclass(frozen=True)
class BucketRecall:
    """Recall@10 of one bucket's positives, in the cases that have any.

    Attributes:
        cases: which cases, int64 ``[cases with a positive of the bucket]``.
        n_positives: of the bucket, in all cases.
        recall: of each of ``cases``: those of its positives of the bucket in the top ten,
            over all of them.
    """

    cases: np.ndarray
    n_positives: int
    recall: np.ndarray


def bucket_items(n_likes: np.ndarray) -> np.ndarray:
    """Return which of ``ITEM_BUCKETS`` each item is in, int64 ``[I]``.

    Cold items nobody liked before the cut. Of the others the most liked that together have a
    third of all likes are the head, those with the next third the middle, the rest the tail.

    >>> [ITEM_BUCKETS[b] for b in bucket_items(np.array([6, 0, 3, 3, 2, 2, 2]))]
    ['head', 'cold', 'middle', 'middle', 'tail', 'tail', 'tail']
    """
    order = np.argsort(-n_likes, kind="stable")
    before = np.cumsum(n_likes[order]) - n_likes[order]  # likes of all more liked items
    thirds = before * 3 // max(int(n_likes.sum()), 1)
    buckets = np.empty(len(n_likes), dtype=np.int64)
    buckets[order] = np.where(n_likes[order] == 0, 0, 3 - np.minimum(thirds, 2))
    return buckets


def recall_by_item(ranks: np.ndarray, cases: HeldOut, buckets: np.ndarray) -> list[BucketRecall]:
    """Return the recall of each of ``ITEM_BUCKETS``.

    Args:
        ranks: of every positive, ``[P]``.
        cases: whose positives they are; one that the catalogue does not hold is cold.
        buckets: of every item, from :func:`bucket_items`.
    """
    owner = np.repeat(np.arange(len(cases)), cases.positives.lengths)  # [P]
    items = cases.positives.items
    is_known = items != PADDING_INDEX
    of_positive = np.where(is_known, buckets[np.where(is_known, items - FIRST_ITEM, 0)], 0)  # [P]
    is_hit = ranks <= BUCKET_DEPTH
    found = []
    for bucket in range(len(ITEM_BUCKETS)):
        mine = of_positive == bucket
        wanted = np.bincount(owner[mine], minlength=len(cases))  # [C]
        hits = np.bincount(owner[mine & is_hit], minlength=len(cases))  # [C]
        chosen = np.flatnonzero(wanted)
        found.append(BucketRecall(chosen, int(mine.sum()), hits[chosen] / wanted[chosen]))
    return found
