"""The weights of the evidence: planted ones are found, idle evidence counts nothing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from expectations.contracts.values import NO_CLUSTER, contexts_of_history
from training.baselines.clusters.pair_counts import PairCounts
from training.collective.backoff import BackoffWeights
from training.collective.config import CollectiveConfig
from training.collective.evidence import ASSOCIATIONS, Evidence
from training.collective.fit import EVIDENCE, CollectiveWeights, fit_weights, weights_from_metrics
from training.planner.data.transitions import Transitions

N = 12
CONFIG = CollectiveConfig(pair_priors=(1.0, 50.0), ridge=0.0, max_transitions=100_000)
TRUTH = np.array([0.8, 0.5, 1.5, -1.0, 0.0])
BACKOFF = BackoffWeights(np.zeros(3), 0.0)


def make_evidence(seed: int = 0) -> Evidence:
    rng = np.random.default_rng(seed)
    singles = rng.gamma(0.3, 20.0, size=(N, N))
    popularity = rng.gamma(1.0, 20.0, size=N)
    pairs = np.zeros((N, N, N))
    first, second = np.triu_indices(N, 1)
    pairs[first, second] = rng.gamma(0.2, 10.0, size=(len(first), N))
    counts = PairCounts(csr_matrix(pairs.reshape(N * N, N)), singles, popularity, 1.0)
    associations = rng.normal(size=(len(ASSOCIATIONS), N, N))
    associations[ASSOCIATIONS.index("popularity")] = 3.0  # the same everywhere: it can tell nothing
    return Evidence(counts, associations)


def draw_transitions(evidence: Evidence, count: int, prior: float) -> Transitions:
    """People who choose as the planted weights say."""
    rng = np.random.default_rng(1)
    lengths = rng.integers(1, 5, size=count)
    histories = np.full((count, 4), NO_CLUSTER, dtype=np.int64)
    targets = np.zeros(count, dtype=np.int64)
    counts = evidence.counts.with_prior(prior)
    for row, length in enumerate(lengths.tolist()):
        history = rng.choice(N, size=length, replace=False)
        histories[row, :length] = history
        log_shares = counts.score_batch(contexts_of_history(history.tolist())).mean(axis=0)
        associations = evidence.associations[:, history].mean(axis=1)
        scores = TRUTH[0] * log_shares + TRUTH[1:] @ associations
        scores[history] = -np.inf
        shares = np.exp(scores - scores.max())
        targets[row] = rng.choice(N, p=shares / shares.sum())
    return Transitions(histories, lengths, targets)


def test_planted_weights_are_found() -> None:
    evidence = make_evidence()
    transitions = draw_transitions(evidence, 8000, prior=50.0)
    found = fit_weights(evidence, transitions, CONFIG, np.random.default_rng(0))
    assert found.pair_prior == 50.0
    np.testing.assert_allclose(found.of_evidence, TRUTH, atol=0.08)
    assert found.of_evidence[EVIDENCE.index("popularity")] == 0.0  # without spread, no weight


def test_the_signal_of_the_weights_is_likelier_than_counts_alone() -> None:
    evidence = make_evidence()
    transitions = draw_transitions(evidence, 2000, prior=50.0)
    found = fit_weights(evidence, transitions, CONFIG, np.random.default_rng(0))
    uniform = np.log(N - transitions.lengths).mean()
    assert found.loss < 0.9 * uniform
    signal = found.weigh(evidence)
    (row,) = signal.score_batch(contexts_of_history([2, 7]))
    (log_shares,) = evidence.counts.with_prior(50.0).score_batch(contexts_of_history([2, 7]))
    associations = evidence.associations[:, [2, 7]].mean(axis=1)
    scores = found.of_evidence[0] * log_shares + found.of_evidence[1:] @ associations
    scores[[2, 7]] = -np.inf
    np.testing.assert_allclose(row, scores - np.log(np.exp(scores).sum()))


def test_no_more_transitions_are_looked_at_than_asked() -> None:
    evidence = make_evidence()
    transitions = draw_transitions(evidence, 400, prior=1.0)
    few = CONFIG.model_copy(update={"max_transitions": 100})
    found = fit_weights(evidence, transitions, few, np.random.default_rng(3))
    again = fit_weights(evidence, transitions, few, np.random.default_rng(3))
    assert found.n_transitions == 100
    assert found.to_metrics() == again.to_metrics()


def test_metrics_name_every_weight() -> None:
    evidence = make_evidence()
    transitions = draw_transitions(evidence, 200, prior=1.0)
    figures = fit_weights(evidence, transitions, CONFIG, np.random.default_rng(0)).to_metrics()
    assert {f"weight_{name}" for name in EVIDENCE} < set(figures)
    assert figures["n_validation_transitions"] == 200
    assert figures["pair_prior"] in CONFIG.pair_priors


@pytest.mark.parametrize("ridge", [0.01, 1.0])
def test_a_ridge_draws_the_weights_to_zero(ridge: float) -> None:
    evidence = make_evidence()
    transitions = draw_transitions(evidence, 500, prior=1.0)
    is_candidate = fit_weights(evidence, transitions, CONFIG, np.random.default_rng(0))
    held = fit_weights(
        evidence,
        transitions,
        CONFIG.model_copy(update={"ridge": ridge}),
        np.random.default_rng(0),
    )
    assert np.abs(held.of_evidence).sum() < np.abs(is_candidate.of_evidence).sum()
    assert held.loss > is_candidate.loss


def test_the_parts_of_the_evidence_add_up_to_the_signal() -> None:
    evidence = make_evidence()
    weights = CollectiveWeights(TRUTH, 50.0, 1.0, 10, BACKOFF)
    signal = weights.weigh(evidence)
    for history in ([2, 7], [4]):
        (context,) = contexts_of_history(history)
        parts = weights.split(evidence, context)
        assert parts.shape == (len(EVIDENCE), N)
        (scores,) = signal.score_batch([context])
        others = np.delete(np.arange(N), history)
        gaps = (parts.sum(axis=0) - scores)[others]
        np.testing.assert_allclose(gaps, gaps[0], atol=1e-9)


def test_weights_come_back_from_their_metrics() -> None:
    weights = CollectiveWeights(TRUTH, 50.0, 1.25, 10, BACKOFF)
    again = weights_from_metrics(weights.to_metrics())
    np.testing.assert_array_equal(again.of_evidence, TRUTH)
    assert (again.pair_prior, again.loss, again.n_transitions) == (50.0, 1.25, 10)
