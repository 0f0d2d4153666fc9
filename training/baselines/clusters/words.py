"""Words: the clusters whose words are most like those of the history's, no log needed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def score_words(
    similarity: NDArray[np.float64], histories: Sequence[Sequence[int]]
) -> NDArray[np.float64]:
    """Return the mean cosine of each cluster's words and those of the history's clusters, [B, N].

    Args:
        similarity: of two clusters' words, [N, N].
        histories: history clusters of each case, [B].
    """
    means = [similarity[list(history)].mean(axis=0) for history in histories]
    return np.array(means).reshape(len(histories), len(similarity))
