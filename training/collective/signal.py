"""The collective signal: a distribution over novel clusters for every context of the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from scipy.sparse import csr_matrix

from expectations.contracts.errors import UserError
from expectations.contracts.values import ClusterContext
from training.baselines.clusters.pair_counts import PairCounts

# Shapes: B contexts, N clusters.


@dataclass(frozen=True)
class CollectiveSignal:
    """A log-linear model of what follows a context, from a few weights.

    That a planner should be told what most people turned to is from arXiv 2510.20260, which puts it
    into the prompt; here it is backed off, weighed with how alike clusters are, and held against
    what the planner writes.

    Attributes:
        counts: novel likes after pairs, with their back-off.
        pair_weights: of the logarithm of their shares, by the cluster that follows, [N].
        association: what cluster a says for cluster c, weighed, [N, N]; a context's is the mean of
            its members'.
    """

    counts: PairCounts
    pair_weights: NDArray[np.float64]
    association: NDArray[np.float64]

    def score_batch(self, contexts: Sequence[ClusterContext]) -> NDArray[np.float64]:
        """Return the log-probability of every cluster after these contexts, [B, N].

        Minus infinity at a context's own members.
        """
        ends = np.array(
            [(context.members[0], context.members[-1]) for context in contexts]
        )  # [B, 2]
        scores = self.pair_weights * self.counts.score_batch(contexts)
        scores += (self.association[ends[:, 0]] + self.association[ends[:, 1]]) / 2
        np.put_along_axis(scores, ends, -np.inf, axis=1)
        highest = scores.max(axis=1, keepdims=True)
        total = np.log(np.exp(scores - highest).sum(axis=1, keepdims=True))
        return np.asarray(scores - highest - total)


def save_signal(signal: CollectiveSignal, file: Path) -> None:
    """Write the signal as safetensors."""
    pairs = signal.counts.pairs.tocsr()
    pairs.sort_indices()
    parts = {
        "pair_starts": pairs.indptr.astype(np.int64),
        "pair_targets": pairs.indices.astype(np.int64),
        "pair_counts": pairs.data.astype(np.float64),
        "singles": signal.counts.singles,
        "popularity": signal.counts.popularity,
        "association": signal.association,
        "prior": np.array([signal.counts.prior]),
        "pair_weights": signal.pair_weights,
    }
    save_file({name: np.ascontiguousarray(part) for name, part in parts.items()}, file)


def load_signal(file: Path) -> CollectiveSignal:
    """Return a saved signal.

    Raises:
        UserError: the file is no signal.
    """
    try:
        parts = load_file(file)
        n_clusters = len(parts["popularity"])
        pairs = csr_matrix(
            (parts["pair_counts"], parts["pair_targets"], parts["pair_starts"]),
            shape=(n_clusters**2, n_clusters),
        )
        (prior,) = parts["prior"].tolist()
        counts = PairCounts(pairs, parts["singles"], parts["popularity"], prior)
        return CollectiveSignal(counts, parts["pair_weights"], parts["association"])
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        remedy = "run the stage collective again"
        raise UserError(str(file), "holds a collective signal", remedy, str(error)[:200]) from None
