"""EASE on items: a linear model of what is liked together, in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from expectations.contracts.errors import UserError
from training.baselines.clusters.ease import solve_ease
from training.evaluation.items.cases import HeldOut
from training.evaluation.items.measures import measure_ranks
from training.evaluation.items.ranks import rank_held_out
from training.recommender.data.histories import Sequences
from training.recommender.data.layout import FIRST_ITEM, ItemLayout

# Shapes: U histories, I items.

MAX_EASE_ITEMS = 15_000
"""Beyond, the dense inverse is left out: here it takes 1.8 GB, and time grows with the cube."""
EASE_PENALTIES = (100.0, 300.0, 1000.0)
"""Tried on validation, in people."""


@dataclass(frozen=True)
class Ease:
    """Adds up the weights of all that a user has liked.

    Attributes:
        weights: from row item to column item, float32 ``[I, I]``, zero on the diagonal.
    """

    weights: np.ndarray

    def score_sequences(self, sequences: Sequences) -> np.ndarray:
        """Return scores ``[U, I]``; see ``SequenceScorer``."""
        scores: np.ndarray = _liked(sequences, len(self.weights)) @ self.weights
        return scores


def fit_item_ease(sequences: Sequences, layout: ItemLayout, penalty: float) -> Ease:
    """Return EASE of the training sequences (Steck, arXiv 1905.03375).

    Args:
        sequences: one per user; once is as good as often.
        layout: the items.
        penalty: L2 weight, in people.

    Raises:
        UserError: there are more than ``MAX_EASE_ITEMS`` items.
    """
    if layout.n_items > MAX_EASE_ITEMS:
        rule = f"EASE inverts a matrix of at most {MAX_EASE_ITEMS:,} items squared"
        raise UserError("EASE", rule, "leave it out", f"{layout.n_items:,} items")
    liked = _liked(sequences, layout.n_items)
    return Ease(solve_ease(liked.T @ liked, penalty))


def choose_penalty(
    sequences: Sequences,
    cases: HeldOut,
    layout: ItemLayout,
    penalties: Sequence[float] = EASE_PENALTIES,
) -> float:
    """Return the penalty with the best NDCG@10 on validation cases; the first without any.

    Args:
        sequences: of before the cases.
        cases: held out for validation.
        layout: the items.
        penalties: those to try.
    """
    if not len(cases):
        return penalties[0]
    ndcgs = []
    for penalty in penalties:
        ease = fit_item_ease(sequences, layout, penalty)
        ranks = rank_held_out(ease, cases, 0, f"EASE, {penalty:g}").ranks
        ndcgs.append(measure_ranks(ranks, cases.positives.offsets, [10])["ndcg_at_10"].mean())
    return penalties[int(np.argmax(ndcgs))]


def _liked(sequences: Sequences, n_items: int) -> sparse.csr_matrix:
    """Return who liked what, ones in a sparse ``[U, I]``."""
    owner = np.repeat(np.arange(len(sequences)), sequences.lengths)
    cells = (np.ones(len(owner), dtype=np.float32), (owner, sequences.items - FIRST_ITEM))
    liked = sparse.csr_matrix(cells, shape=(len(sequences), n_items))
    liked.sum_duplicates()
    liked.data[:] = 1.0
    return liked
