"""Leave-one-out: each user's last item is the test, the one before it the validation.

The protocol of the papers on sequential recommendation since SASRec (Kang and McAuley, 2018):
train on all but the last two items of everybody, choose settings by the one before last, test on
the last. Every item of the catalogue is ranked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training.evaluation.items.cases import HeldOut
from training.evaluation.items.measures import measure_ranks
from training.evaluation.items.ranks import SequenceScorer, rank_held_out
from training.recommender.data.histories import Sequences

MIN_ITEMS = 3
"""Items that a user must have to be held out: one to know, one to validate on, one to test."""


@dataclass(frozen=True)
class LeaveOneOut:
    """Sequences cut for leave-one-out; row ``u`` of every history and target is one user.

    Attributes:
        train: all but the last two items; users of fewer than ``MIN_ITEMS`` in full.
        validation_histories: all but the last two items of those held out.
        validation_targets: the item before the last, embedding indices ``[n_held_out]``.
        test_histories: all but the last item.
        test_targets: the last item, embedding indices ``[n_held_out]``.
    """

    train: Sequences
    validation_histories: Sequences
    validation_targets: np.ndarray
    test_histories: Sequences
    test_targets: np.ndarray


def cut_leave_one_out(sequences: Sequences) -> LeaveOneOut:
    """Return the sequences cut into training, validation and test.

    Args:
        sequences: of all users, oldest item first; the order of items of one moment is theirs.
    """
    lengths = sequences.lengths
    held_out = np.flatnonzero(lengths >= MIN_ITEMS)
    ends = sequences.offsets[1:][held_out]
    return LeaveOneOut(
        train=sequences.without_newest(np.where(lengths >= MIN_ITEMS, 2, 0)),
        validation_histories=sequences.without_newest(2).take(held_out),
        validation_targets=sequences.items[ends - 2],
        test_histories=sequences.without_newest(1).take(held_out),
        test_targets=sequences.items[ends - 1],
    )


def rank_targets(
    scorer: SequenceScorer,
    histories: Sequences,
    targets: np.ndarray,
    remove_seen: bool,
    title: str = "scorer",
) -> np.ndarray:
    """Return the rank of each user's target, float64 ``[n_users]``, 1 the best.

    Args:
        scorer: what is measured.
        histories: oldest first, one item or more each.
        targets: embedding indices ``[n_users]``.
        remove_seen: leave the items of the history out of the ranking, as the published code of
            the S3-Rec lineage does. A target among them is then not found: rank infinity.
        title: names the scorer in the progress bar.
    """
    nothing = Sequences.of([[]] * len(histories))
    one_each = Sequences(np.asarray(targets, dtype=np.int32), np.arange(len(targets) + 1))
    cases = HeldOut(histories, histories if remove_seen else nothing, one_each)
    return rank_held_out(scorer, cases, 0, title).ranks


def summarise_ranks(ranks: np.ndarray, depths: Sequence[int]) -> dict[str, float]:
    """Return mean ``hit_rate_at_k``, ``ndcg_at_k`` and ``mrr_at_k`` for every depth k.

    With one target a hit at rank r gains 1 / log2(r + 1), and the ideal is 1.

    >>> summarise_ranks(np.array([1, 3, 4, np.inf]), [3])
    {'hit_rate_at_3': 0.5, 'ndcg_at_3': 0.375, 'mrr_at_3': 0.3333333333333333}
    """
    measured = measure_ranks(ranks, np.arange(len(ranks) + 1), depths)
    return {
        f"{name}_at_{k}": float(measured[f"{name}_at_{k}"].mean())
        for k in depths
        for name in ("hit_rate", "ndcg", "mrr")
    }
