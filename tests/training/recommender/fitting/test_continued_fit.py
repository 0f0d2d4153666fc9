"""Training on learns what has come since, and leaves the recommender it began with alone."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

from tests.worlds.recommender import make_layout, walk
from training.recommender.config import RecommenderConfig
from training.recommender.data.histories import Sequences
from training.recommender.fitting.continued_fit import train_on
from training.recommender.fitting.fit import fit_recommender
from training.recommender.model.recommender import SequenceRecommender

LAYOUT = make_layout()
CONFIG = RecommenderConfig(dimension=16, n_layers=1, n_heads=1, max_length=12, batch_tokens=128)


def as_sequences(walks: list[list[str]]) -> Sequences:
    return Sequences.of([[LAYOUT.index_of[item] for item in steps] for steps in walks])


def test_what_came_since_is_learnt_and_the_old_one_stays() -> None:
    forwards = walk(40, 10, noise=0.0, seed=0)
    backwards = [steps[::-1] for steps in walk(40, 10, noise=0.0, seed=1)]
    before = fit_recommender(as_sequences(forwards), LAYOUT, CONFIG, seed=0, n_epochs=4)
    unseen = [steps[::-1] for steps in walk(40, 6, noise=0.0, seed=2)]
    histories = as_sequences([steps[:-1] for steps in unseen])
    targets = LAYOUT.rows_of(steps[-1] for steps in unseen)

    def log_likelihood(recommender: SequenceRecommender) -> float:
        scores = recommender.score_sequences(histories).astype(np.float64)
        return float((scores[np.arange(len(targets)), targets] - logsumexp(scores, axis=1)).mean())

    old = log_likelihood(before)
    after = before
    for number in range(3):
        after = train_on(
            after, as_sequences([*forwards, *backwards]), as_sequences(backwards), number
        )
    assert log_likelihood(before) == old
    # people now walk backwards as well: half a nat is far beyond what chance gives forty targets
    assert log_likelihood(after) > old + 0.5


def test_nothing_to_learn_from_changes_no_vector() -> None:
    walks = walk(40, 8, noise=0.0, seed=0)
    before = fit_recommender(as_sequences(walks), LAYOUT, CONFIG, seed=0, n_epochs=1)
    after = train_on(before, as_sequences(walks), as_sequences([["i00a"]]), seed=0)
    vectors = [fitted.model.item_vectors().detach().numpy() for fitted in (before, after)]
    assert np.array_equal(*vectors)
