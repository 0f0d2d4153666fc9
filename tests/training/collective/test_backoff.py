"""Back-off to words: clusters without a log are ranked by what is planted, the others untouched."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from expectations.contracts.values import NO_CLUSTER, all_contexts, contexts_of_history
from training.baselines.clusters.pair_counts import PairCounts
from training.collective.backoff import (
    BACKOFF_EVIDENCE,
    BackoffWeights,
    backoff_from_metrics,
    fit_backoff,
    impute_by_words,
    mean_score,
)
from training.collective.config import CollectiveConfig
from training.collective.evidence import ASSOCIATIONS, Evidence
from training.collective.fit import CollectiveWeights, fit_weights
from training.planner.data.transitions import Transitions

N = 40
GROUPS = 8
"""Clusters c and c + 8 are alike in words, and people go on from group g to group g + 1."""
GROUP_OF = np.arange(N) % GROUPS
FOLLOWS = (GROUP_OF[:, None] + 1) % GROUPS == GROUP_OF[None]  # [a, c]
CONFIG = CollectiveConfig(pair_priors=(10.0,), max_transitions=100_000)


def make_evidence(fresh: tuple[int, ...] = (), touched: float = 100.0) -> Evidence:
    """Who touched both says what follows; of fresh clusters the log says nothing."""
    is_fresh = np.isin(np.arange(N), fresh)
    together = np.where(FOLLOWS, 0.0, -3.0)
    together[:, is_fresh] = -9.0
    people = np.where(is_fresh, 0.0, touched)
    associations = {
        "co_consumption": together,
        "collaborative": np.where(is_fresh, 0.0, FOLLOWS),
        "text": np.where(GROUP_OF[:, None] == GROUP_OF[None], 0.8, 0.1) * (1 - np.eye(N)),
        "popularity": np.tile(np.log(people + 1), (N, 1)),
    }
    counts = PairCounts(csr_matrix((N * N, N)), np.zeros((N, N)), people, 10.0)
    return Evidence(counts, np.stack([associations[name] for name in ASSOCIATIONS]))


def draw_transitions(count: int) -> Transitions:
    """From one cluster to one of the next group nine times in ten, or else to any other."""
    rng = np.random.default_rng(0)
    start = rng.integers(N, size=count)
    shares = np.where(FOLLOWS, 1.0, 0.1 / 7) * (1 - np.eye(N))
    shares /= shares.sum(axis=1, keepdims=True)
    targets = np.array([rng.choice(N, p=shares[one]) for one in start])
    return Transitions(start[:, None], np.ones(count, dtype=np.int64), targets)


def fit(evidence: Evidence, transitions: Transitions) -> CollectiveWeights:
    return fit_weights(evidence, transitions, CONFIG, np.random.default_rng(0))


def test_a_fresh_cluster_is_expected_where_those_alike_in_words_are() -> None:
    fresh = (3, 12)
    transitions = draw_transitions(4000)
    known = transitions.take(np.flatnonzero(~np.isin(transitions.targets, fresh)))
    evidence = make_evidence(fresh)
    signal = fit(evidence, known).weigh(evidence)
    scores = np.exp(signal.score_batch(contexts_of_history([2])))[0]
    beside = [cluster for cluster in range(N) if FOLLOWS[2, cluster] and cluster not in fresh]
    # no counts tell 3 from the four that are like it, nor 12 from the crowd
    assert scores[3] == pytest.approx(scores[beside].mean(), rel=0.25)
    assert scores[12] < 0.2 * scores[3]
    ranks = np.argsort(-signal.score_batch(contexts_of_history([2]))[0], kind="stable")
    assert 3 in ranks[:5]


def test_without_fresh_clusters_the_signal_is_its_own_evidence() -> None:
    evidence = make_evidence()
    weights = fit(evidence, draw_transitions(500))
    signal = weights.weigh(evidence)
    own = np.tensordot(weights.of_evidence[1:], evidence.associations, axes=1)
    np.testing.assert_array_equal(signal.association, own)
    np.testing.assert_array_equal(signal.pair_weights, weights.of_evidence[0])


def test_whoever_was_touched_once_has_its_own_evidence() -> None:
    weights = BackoffWeights(np.array([0.5, 0.0, 2.0]), -1.0)
    own = np.array([1.0, 0.7, 0.3, 0.2, 0.0])
    few, none = make_evidence(touched=1.0), make_evidence((3,))
    signal = CollectiveWeights(own, 10.0, 1.0, 9, weights).weigh(few)
    np.testing.assert_array_equal(
        signal.association, np.tensordot(own[1:], few.associations, axes=1)
    )
    signal = CollectiveWeights(own, 10.0, 1.0, 9, weights).weigh(none)
    association = np.tensordot(own[1:], none.associations, axes=1)
    shares = none.counts.score_batch(contexts_of_history([0]))
    mean = mean_score(none, np.tile(shares, (N, 1)) + association)
    np.testing.assert_allclose(signal.association[:, 3], weights.score(none, mean)[:, 3])
    np.testing.assert_array_equal(signal.pair_weights, np.arange(N) != 3)


def test_the_parts_add_up_to_the_signal_with_back_off_too() -> None:
    evidence = make_evidence((3, 12))
    weights = fit(evidence, draw_transitions(500))
    signal = weights.weigh(evidence)
    for context in list(all_contexts(N))[::97]:
        (scores,) = signal.score_batch([context])
        others = np.delete(np.arange(N), list(context.members))
        gaps = (weights.split(evidence, context).sum(axis=0) - scores)[others]
        np.testing.assert_allclose(gaps, gaps[0], atol=1e-9)


def test_donors_are_those_alike_in_words_and_never_the_context_itself() -> None:
    evidence = make_evidence()
    donors = np.ones(N, dtype=bool)
    donors[3] = False
    found = dict(zip(BACKOFF_EVIDENCE, impute_by_words(evidence, donors), strict=True))
    # 11, 19, 27, 35 are like 3, each 4,096 times what another weighs
    assert found["co_consumption"][2, 3] == pytest.approx(0.0, abs=0.01)
    assert found["co_consumption"][5, 3] == pytest.approx(-3.0, abs=0.01)
    np.testing.assert_array_equal(found["text"], evidence.associations[ASSOCIATIONS.index("text")])
    alone = np.arange(N) == 11
    told = impute_by_words(evidence, alone)[0]
    assert told[2, 3] == pytest.approx(0.0, abs=1e-4)
    assert told[11, 3] == 0  # nobody else is there to tell what goes with 11


def test_without_words_all_donors_count_the_same() -> None:
    evidence = make_evidence()
    silent = evidence.associations.copy()
    silent[ASSOCIATIONS.index("text")] = 0.0
    found = impute_by_words(replace(evidence, associations=silent), np.ones(N, dtype=bool))[0]
    together = evidence.associations[0]
    np.testing.assert_allclose(found[0], np.delete(together[0], 0).mean() * np.ones(N), atol=1e-12)


def test_a_log_without_anybody_backs_off_to_nothing() -> None:
    evidence = make_evidence(tuple(range(N)))
    scores = np.zeros((50, N))
    weights = fit_backoff(evidence, draw_transitions(50), scores, scores == 0, 0.0, 1e-3)
    assert not weights.of_evidence.any()
    assert np.isfinite(weights.score(evidence, mean_score(evidence, np.zeros((N, N))))).all()


def test_slopes_are_those_of_the_loss() -> None:
    """Moving any fitted weight makes held out clusters less likely: the minimum is one."""
    evidence, transitions = make_evidence(), draw_transitions(400)
    scores = np.tensordot(
        np.array([1.0, 0.5]),
        evidence.associations[[0, 2]][:, transitions.histories[:, 0]],
        axes=1,
    )
    is_candidate = transitions.candidates(N)
    base = fit_backoff(evidence, transitions, scores, is_candidate, 0.0, 0.0)

    def loss(weights: BackoffWeights) -> float:
        total = []
        for start in range(10):
            held = np.arange(N)[start::10]
            donors = ~np.isin(np.arange(N), held)
            told = (
                np.tensordot(weights.of_evidence, impute_by_words(evidence, donors), axes=1)
                + weights.level
            )
            tried = scores.copy()
            tried[:, held] = told[transitions.histories[:, 0]][:, held]
            tried[transitions.histories == np.arange(N)] = -np.inf
            chosen = tried[np.arange(len(transitions)), transitions.targets]
            total.append((np.log(np.exp(tried).sum(axis=1)) - chosen).mean())
        return float(np.mean(total))

    best = loss(base)
    for step in (-0.2, 0.2):
        assert loss(replace(base, level=base.level + step)) > best
        for place in range(len(BACKOFF_EVIDENCE)):
            moved = base.of_evidence.copy()
            moved[place] += step
            assert loss(replace(base, of_evidence=moved)) > best - 1e-9


def test_the_weights_come_back_from_their_metrics() -> None:
    weights = BackoffWeights(np.array([0.5, -1.25, 2.0]), -0.75)
    again = backoff_from_metrics(weights.to_metrics())
    np.testing.assert_array_equal(again.of_evidence, weights.of_evidence)
    assert again.level == -0.75


def test_histories_of_several_clusters_are_read_to_their_end() -> None:
    """Padding is no cluster: a history of one beside a longer one counts that one alone."""
    evidence = make_evidence()
    padded = Transitions(np.array([[2, NO_CLUSTER], [2, 5]]), np.array([1, 2]), np.array([3, 3]))
    alone = Transitions(np.array([[2]]), np.array([1]), np.array([3]))
    scores = np.zeros((2, N))
    both = fit_backoff(
        evidence, padded.take(np.array([0])), scores[:1], alone.candidates(N), 0.0, 1.0
    )
    one = fit_backoff(evidence, alone, scores[:1], alone.candidates(N), 0.0, 1.0)
    np.testing.assert_allclose(both.of_evidence, one.of_evidence)


def test_clusters_without_a_log_do_not_raise_the_level() -> None:
    """Whatever their own evidence would make of them, they are no candidates while it is fitted."""
    fresh = (3, 12)
    transitions = draw_transitions(1000)
    known = transitions.take(np.flatnonzero(~np.isin(transitions.targets, fresh)))
    level = fit(make_evidence(fresh), known).backoff.level
    loud = make_evidence(fresh)
    loud.associations[0][:, list(fresh)] = 50.0
    assert fit(loud, known).backoff.level == pytest.approx(level, abs=0.05)
