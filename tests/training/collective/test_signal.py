"""The collective signal is a distribution, whatever ids clusters have, and survives saving."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from expectations.contracts.errors import UserError
from expectations.contracts.values import ClusterContext, all_contexts
from tests.worlds.collective import make_signal
from training.baselines.clusters.pair_counts import PairCounts
from training.collective.signal import CollectiveSignal, load_signal, save_signal

N = 6


def permute(signal: CollectiveSignal, order: list[int]) -> CollectiveSignal:
    """The same signal where cluster ``order[i]`` is now called i."""
    counts = signal.counts
    cube = counts.pairs.toarray().reshape(N, N, N)
    both_ways = cube + cube.transpose(1, 0, 2)
    moved = both_ways[np.ix_(order, order, order)]
    ascending = np.triu(np.ones((N, N)), 1)[:, :, None]
    renamed = PairCounts(
        csr_matrix((moved * ascending).reshape(N * N, N)),
        counts.singles[np.ix_(order, order)],
        counts.popularity[order],
        counts.prior,
    )
    return CollectiveSignal(
        renamed, signal.pair_weights[order], signal.association[np.ix_(order, order)]
    )


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_every_context_has_a_distribution_over_all_but_its_members(seed: int) -> None:
    contexts = list(all_contexts(N))
    scores = make_signal(seed, N).score_batch(contexts)
    np.testing.assert_allclose(np.exp(scores).sum(axis=1), 1.0)
    for context, row in zip(contexts, scores, strict=True):
        assert set(np.flatnonzero(np.isneginf(row)).tolist()) == set(context.members)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.permutations(range(N)))
def test_the_ids_of_clusters_do_not_matter(seed: int, order: list[int]) -> None:
    signal = make_signal(seed, N)
    renamed = permute(signal, order)
    contexts = list(all_contexts(N))
    there = [ClusterContext.of(*(order.index(m) for m in context.members)) for context in contexts]
    np.testing.assert_allclose(
        renamed.score_batch(there), signal.score_batch(contexts)[:, order], rtol=1e-12
    )


def test_weights_mean_what_they_say() -> None:
    signal = make_signal(1, N)
    (row,) = CollectiveSignal(signal.counts, np.zeros(N), signal.association).score_batch(
        [ClusterContext.of(1, 4)]
    )
    is_candidate = [0, 2, 3, 5]
    association = (signal.association[1] + signal.association[4]) / 2
    np.testing.assert_allclose(
        row[is_candidate],
        np.log(np.exp(association[is_candidate]) / np.exp(association[is_candidate]).sum()),
    )
    (alone,) = CollectiveSignal(signal.counts, np.ones(N), 0 * signal.association).score_batch(
        [ClusterContext.of(1, 4)]
    )
    (counted,) = signal.counts.score_batch([ClusterContext.of(1, 4)])
    shares = np.exp(counted[is_candidate])
    np.testing.assert_allclose(alone[is_candidate], np.log(shares / shares.sum()))


def test_saved_and_loaded_it_scores_the_same_bits(tmp_path: Path) -> None:
    signal = make_signal(2, N)
    save_signal(signal, tmp_path / "signal.safetensors")
    save_signal(signal, tmp_path / "again.safetensors")
    contexts = list(all_contexts(N))
    loaded = load_signal(tmp_path / "signal.safetensors")
    np.testing.assert_array_equal(loaded.score_batch(contexts), signal.score_batch(contexts))
    assert (tmp_path / "signal.safetensors").read_bytes() == (
        tmp_path / "again.safetensors"
    ).read_bytes()


def test_a_file_that_is_no_signal_is_one_clear_error(tmp_path: Path) -> None:
    file = tmp_path / "signal.safetensors"
    file.write_bytes(b"nonsense")
    with pytest.raises(UserError, match=r"holds a collective signal.*run the stage collective"):
        load_signal(file)
