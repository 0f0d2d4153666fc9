"""At which rank a recommender puts what was held out: the whole catalogue, nothing sampled.

Equal scores stand in order of row, as in a served list. A rank is therefore what the user would
have met, and a scorer that cannot tell items apart gains nothing by it: counting only the better
scored items would put all its targets first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from tqdm import tqdm

from expectations.contracts.values import PADDING_INDEX
from training.evaluation.items.cases import HeldOut
from training.item_scoring.top_k import top_k
from training.recommender.data.histories import Sequences
from training.recommender.data.layout import FIRST_ITEM

# Shapes: C cases, P positives of all cases, B cases of one batch, I items.

CASES_AT_ONCE = 512
"""Bounds the memory of a pass; no rank depends on it."""
CELLS_AT_ONCE = 16_000_000
"""Scores asked for at one time: 64 MB, and as much again while they are looked at."""


class SequenceScorer(Protocol):
    """Scores the whole catalogue after many histories; the fitted recommender is one."""

    def score_sequences(self, sequences: Sequences) -> np.ndarray:
        """Return the score of every item after each history, float32 ``[n, I]``, by row.

        Args:
            sequences: embedding indices, oldest first.
        """
        ...


@dataclass(frozen=True)
class ItemRankings:
    """What one scorer made of the cases.

    Attributes:
        ranks: the rank of each positive from 1, float64 ``[P]`` in the order of
            ``HeldOut.positives.items``; infinite where it was excluded, unknown or not ranked.
        best: embedding indices of the best items, int64 ``[C, depth]``; ``PADDING_INDEX`` where
            fewer items are ranked.
    """

    ranks: np.ndarray
    best: np.ndarray


def rank_held_out(scorer: SequenceScorer, cases: HeldOut, depth: int, title: str) -> ItemRankings:
    """Return the rank of every positive and the best ``depth`` items of every case.

    Args:
        scorer: scores NaN nowhere; an item scored minus infinity is not ranked.
        cases: memory is bounded whatever their number.
        depth: 0 where only ranks are wanted.
        title: names the scorer in the progress bar.

    Raises:
        ValueError: a score is not a number.
    """
    ranks = np.empty(len(cases.positives.items))
    best = np.full((len(cases), depth), PADDING_INDEX, dtype=np.int64)
    with tqdm(total=len(cases), desc=f"ranking by {title}", disable=None, leave=False) as bar:
        for case, row in iterate_scores(scorer, cases):
            first, end = cases.positives.offsets[case : case + 2]
            ranks[first:end] = rank_positives(row, cases.positives[case])
            rows = top_k(row, depth)
            best[case, : len(rows)] = rows + FIRST_ITEM
            bar.update()
    return ItemRankings(ranks, best)


def iterate_scores(scorer: SequenceScorer, cases: HeldOut) -> Iterator[tuple[int, np.ndarray]]:
    """Yield every case with its scores ``[I]``, minus infinity for what is excluded.

    Raises:
        ValueError: a score is not a number.
    """
    start, step = 0, 1  # the first case tells how long a row is
    while start < len(cases):
        chosen = np.arange(start, min(start + step, len(cases)))
        scores = np.array(scorer.score_sequences(cases.histories.take(chosen)))  # [B, I]
        if np.isnan(scores).any():
            raise ValueError("a score is not a number: such an item would be ranked first")
        for case, row in zip(chosen.tolist(), scores, strict=True):
            row[cases.excluded[case] - FIRST_ITEM] = -np.inf
            yield case, row
        start += len(chosen)
        step = min(CASES_AT_ONCE, max(1, CELLS_AT_ONCE // scores.shape[1]))


def rank_positives(row: np.ndarray, positives: np.ndarray) -> np.ndarray:
    """Return the rank of each of one case's positives by its scores ``[I]``: ``ItemRankings``."""
    ranks = np.full(len(positives), np.inf)
    for nth, index in enumerate(positives.tolist()):
        if index != PADDING_INDEX and np.isfinite(row[index - FIRST_ITEM]):
            ranks[nth] = 1 + np.count_nonzero(ranked_ahead(row, index - FIRST_ITEM))
    return ranks


def ranked_ahead(row: np.ndarray, index: int) -> np.ndarray:
    """Return which items are ranked before the one at ``index``, bool ``[I]``: THE rule of ties."""
    ahead = row > row[index]
    ahead[:index] |= row[:index] == row[index]
    return np.asarray(ahead)
