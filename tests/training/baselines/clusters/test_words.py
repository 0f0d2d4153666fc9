"""Words score a cluster by how much its items read like those of the history's clusters."""

from __future__ import annotations

import numpy as np

from training.baselines.clusters.words import score_words


def test_a_score_is_the_mean_cosine_over_the_history() -> None:
    similarity = np.array([[0.0, 0.4, 0.2], [0.4, 0.0, 0.6], [0.2, 0.6, 0.0]])
    scores = score_words(similarity, [[0, 1], [2]])
    assert np.allclose(scores, [[0.2, 0.2, 0.4], [0.2, 0.6, 0.0]])


def test_nobody_has_no_scores() -> None:
    assert score_words(np.zeros((3, 3)), []).shape == (0, 3)
