"""What the lists are like beside being right: novelty, serendipity, diversity, coverage.

Definitions are those of RecTools: MeanInvUserFreq, Serendipity, IntraListDiversity with a distance
of 1 between items of different clusters, and CatalogCoverage, normalised.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from expectations.contracts.values import PADDING_INDEX
from training.recommender.data.histories import Sequences
from training.recommender.data.layout import FIRST_ITEM, ItemLayout

# Shapes: C cases, I items, k listed items.

LIST_DEPTH = 10
"""Items of a list that are looked at."""


@dataclass(frozen=True)
class ItemFacts:
    """What was known of items before the cases began; rows are those of the layout.

    Attributes:
        n_likes: how often it was liked, int64 ``[I]``.
        n_users: by how many people, int64 ``[I]``.
        clusters: its interest cluster, int64 ``[I]``.
        n_all_users: people who liked anything.
    """

    n_likes: np.ndarray
    n_users: np.ndarray
    clusters: np.ndarray
    n_all_users: int


def collect_facts(sequences: Sequences, layout: ItemLayout) -> ItemFacts:
    """Return what the training sequences, one per user, tell of the items."""
    rows = sequences.items.astype(np.int64) - FIRST_ITEM
    owner = np.repeat(np.arange(len(sequences)), sequences.lengths)
    once = np.unique(owner * layout.n_items + rows) % layout.n_items
    return ItemFacts(
        n_likes=np.bincount(rows, minlength=layout.n_items),
        n_users=np.bincount(once, minlength=layout.n_items),
        clusters=layout.cluster_of_row,
        n_all_users=int(np.count_nonzero(sequences.lengths)),
    )


def measure_lists(
    best: np.ndarray, positives: Sequences, facts: ItemFacts
) -> dict[str, np.ndarray]:
    """Return novelty, serendipity and diversity of each case's top ten, ``[C]`` each.

    - novelty: mean over the list of -log2 of the share of people who liked the item, in bits; an
      item that nobody liked counts as liked by one;
    - serendipity: mean over the list of what a hit at rank r gains: by how much (I + 1 - r) / I
      exceeds the same with the item's rank by popularity (equally liked items share a rank, 0 for
      an item that nobody liked); a hit on what everybody is shown gains nothing;
    - diversity: share of the list's pairs that are of two interest clusters; 0 for one item.

    Args:
        best: embedding indices, best first, ``PADDING_INDEX`` where the list is shorter,
            ``[C, 10 or more]``.
        positives: of each case.
        facts: of the items.
    """
    listed = best[:, :LIST_DEPTH]  # [C, k]
    is_item = listed != PADDING_INDEX  # [C, k]
    rows = np.where(is_item, listed - FIRST_ITEM, 0)  # [C, k]
    n_listed = np.maximum(is_item.sum(axis=1), 1)  # [C]
    gains = _surprise(rows, facts) * _is_positive(listed, positives, len(facts.n_likes))
    novelty = -np.log2(np.maximum(facts.n_users, 1) / max(facts.n_all_users, 1))  # [I]
    return {
        f"novelty_at_{LIST_DEPTH}": (novelty[rows] * is_item).sum(axis=1) / n_listed,
        f"serendipity_at_{LIST_DEPTH}": (gains * is_item).sum(axis=1) / n_listed,
        f"diversity_at_{LIST_DEPTH}": _differing_pairs(facts.clusters[rows], is_item),
    }


def measure_coverage(best: np.ndarray, n_items: int) -> float:
    """Return the share of the catalogue that stands in the top ten of some list."""
    listed = np.unique(best[:, :LIST_DEPTH])
    return float(np.count_nonzero(listed != PADDING_INDEX) / n_items)


def _surprise(rows: np.ndarray, facts: ItemFacts) -> np.ndarray:
    """Return what a hit at each rank of each list would gain in serendipity, ``[C, k]``."""
    n_items = len(facts.n_likes)
    # dense rank by likes: the most liked items share rank 1, the next rank 2, …
    _, ascending = np.unique(-facts.n_likes, return_inverse=True)
    by_popularity = (n_items + 1 - (ascending + 1)) / n_items  # [I]
    by_popularity[facts.n_likes == 0] = 0.0
    by_rank = (n_items + 1 - np.arange(1, rows.shape[1] + 1)) / n_items  # [k]
    return np.asarray(np.maximum(by_rank - by_popularity[rows], 0.0))


def _is_positive(listed: np.ndarray, positives: Sequences, n_items: int) -> np.ndarray:
    """Return which listed items are among their case's positives, bool ``[C, k]``."""
    width = n_items + FIRST_ITEM
    owner = np.repeat(np.arange(len(positives)), positives.lengths)
    wanted = owner * width + positives.items
    return np.isin(np.arange(len(listed))[:, None] * width + listed, wanted)


def _differing_pairs(clusters: np.ndarray, is_item: np.ndarray) -> np.ndarray:
    """Return the share of pairs of unlike clusters in each list, float64 ``[C]``."""
    n_pairs, n_unlike = np.zeros(len(clusters)), np.zeros(len(clusters))
    for later in range(1, clusters.shape[1]):
        are_items = is_item[:, [later]] & is_item[:, :later]  # [C, later]
        n_pairs += are_items.sum(axis=1)
        n_unlike += (are_items & (clusters[:, [later]] != clusters[:, :later])).sum(axis=1)
    return np.asarray(n_unlike / np.maximum(n_pairs, 1))
