"""Baselines that read the whole past: on a circle they know what comes next; bounds and edges."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worlds.circles import N, draw_window, past_of, visits_of
from tests.worlds.curation import Event
from training.baselines.clusters.cluster_transformer import score_pasts, train_path
from training.baselines.clusters.logistic import LogisticModel, featurise_pasts, fit_logistic
from training.baselines.clusters.sequence_batches import MAX_LENGTH
from training.baselines.clusters.user_knn import score_by_neighbours
from training.baselines.clusters.visit_transitions import make_visit_transitions
from training.baselines.clusters.visits import Pasts, Visits
from training.evaluation.clusters.compare import measure_rankings

LOGS = st.lists(
    st.builds(
        Event,
        user=st.sampled_from(["ann", "bob", "cid"]),
        second=st.integers(0, 8),
        cluster=st.integers(0, N - 1),
        positive=st.booleans(),
    ),
    min_size=1,
    max_size=40,
)
ALL = 10**6


@settings(max_examples=60, deadline=None)
@given(LOGS)
def test_examples_are_those_of_brute_force(events: list[Event]) -> None:
    found = make_visit_transitions(visits_of(events), ALL)
    rows, entries = found.rows_of_earlier()
    ages = found.ages(rows, entries)
    seen = [
        (
            int(target),
            sorted(
                (int(found.clusters[e]), bool(found.liked_first[e]), int(a))
                for e, a in zip(entries[rows == row], ages[rows == row], strict=True)
            ),
        )
        for row, target in enumerate(found.targets)
    ]
    expected = []
    for user in sorted({e.user for e in events}):
        own = [e for e in events if e.user == user]
        first = {e.cluster: min(x.second for x in own if x.cluster == e.cluster) for e in own}
        liked = {
            c: any(e.positive for e in own if (e.cluster, e.second) == (c, first[c])) for c in first
        }
        for target in sorted(first, key=lambda c: (first[c], c)):
            before = [c for c in first if first[c] < first[target]]
            if liked[target] and before:
                moments = sorted({first[c] for c in before}, reverse=True)
                past = sorted((c, liked[c], moments.index(first[c])) for c in before)
                expected.append((target, past))
    assert seen == expected


def test_too_many_transitions_leave_the_newest() -> None:
    walks = [Event(f"u{u}", 3 * step + u, c) for u in range(3) for step, c in enumerate((0, 1, 2))]
    found = make_visit_transitions(visits_of(walks), 2)
    assert found.targets.tolist() == [2, 2]  # the last steps of the two who came last
    assert found.user_starts[found.chosen].tolist() == [3, 6]


def test_neighbours_vote_by_how_alike_they_are() -> None:
    events = [Event("ann", s, c) for s, c in enumerate((0, 1, 2))]
    events += [Event("bob", s, c) for s, c in enumerate((0, 3))]
    events += [Event("cid", 0, 8), Event("cid", 1, 0, positive=False)]
    one, two = score_by_neighbours(visits_of(events), [[0, 1], [5]], [1, 2])
    # of {0, 1}: ann's cosine is 2 / sqrt(6), bob's and cid's 1 / 2; bob stands first
    ann, bob = 2 / np.sqrt(6), 0.5
    expected = np.log1p([[ann, ann, ann, 0, 0, 0, 0, 0, 0], [0.0] * N])
    assert one == pytest.approx(expected)
    expected[0] = np.log1p([ann + bob, ann, ann, bob, 0, 0, 0, 0, 0])
    assert two == pytest.approx(expected)


def test_what_a_neighbour_only_touched_gets_no_vote() -> None:
    events = [Event("ann", 0, 0), Event("ann", 1, 1, positive=False), Event("ann", 2, 2)]
    scores = score_by_neighbours(visits_of(events), [[0]], [5])[0]
    assert np.flatnonzero(scores[0]).tolist() == [0, 2]


def recall_at_1(scores: np.ndarray, seed: int) -> float:
    cases = draw_window(np.random.default_rng(seed), 400).cases
    return float(measure_rankings(cases.drop_consumed(scores, 1), cases)["recall_at_1"].mean())


def test_who_reads_the_past_knows_the_next_step() -> None:
    # of the last steps 80% go on, unless the next cluster is taken: nobody can do much better,
    # and one of about six open clusters at random is right one time in six
    window = draw_window(np.random.default_rng(5), 400)
    transitions = make_visit_transitions(window.visits, ALL)
    (logistic,) = fit_logistic(transitions, [1.0], 0.5)
    assert recall_at_1(logistic.score(window.pasts), 5) > 0.7
    (transformer,) = train_path(transitions, [60], seed=0)
    assert recall_at_1(score_pasts(transformer, window.pasts), 5) > 0.7


def test_logistic_regression_is_where_no_step_improves_it() -> None:
    window = draw_window(np.random.default_rng(2), 40)
    transitions = make_visit_transitions(window.visits, ALL)
    penalty, decay = 2.0, 0.7
    (model,) = fit_logistic(transitions, [penalty], decay)
    rows, entries = transitions.rows_of_earlier()
    features = np.zeros((len(transitions), 3 * N + 1))
    features[rows, transitions.clusters[entries]] = 1  # everything was liked
    features[rows, 2 * N + transitions.clusters[entries]] = decay ** transitions.ages(rows, entries)
    features[:, -1] = 1
    touched = features[:, :N] > 0

    def loss(weights: np.ndarray) -> float:
        logits = np.where(touched, -np.inf, features @ weights + model.popularity)
        totals = np.log(np.exp(logits).sum(axis=1))
        wanted = logits[np.arange(len(transitions)), transitions.targets]
        return float((totals - wanted).sum() + penalty / 2 * (weights**2).sum())

    rng = np.random.default_rng(0)
    reached = loss(model.weights.astype(np.float64))
    for _ in range(30):
        step = rng.normal(size=model.weights.shape) * 0.05
        assert loss(model.weights + step) > reached
    assert reached < 0.9 * loss(np.zeros_like(model.weights))


def rename(visits: Visits, new: np.ndarray) -> Visits:
    order = np.lexsort((new[visits.clusters], visits.liked_at, visits.users))
    return Visits(
        visits.users[order],
        new[visits.clusters][order],
        visits.touched_at[order],
        visits.liked_at[order],
        visits.novel_likes[order],
        visits.n_users,
        visits.n_clusters,
    )


@settings(max_examples=15, deadline=None)
@given(LOGS, st.permutations(range(N)))
def test_new_numbers_for_clusters_change_nothing_but_the_numbers(
    events: list[Event], numbers: list[int]
) -> None:
    new = np.array(numbers)  # cluster c is called new[c]
    visits, renamed = visits_of(events), rename(visits_of(events), np.array(numbers))
    before = score_by_neighbours(visits, [[0, 3], [5]], [2])[0]
    after = score_by_neighbours(renamed, [new[[0, 3]].tolist(), new[[5]].tolist()], [2])[0]
    assert after[:, new] == pytest.approx(before)
    (first,) = fit_logistic(make_visit_transitions(visits, ALL), [1.0], 0.8)
    (second,) = fit_logistic(make_visit_transitions(renamed, ALL), [1.0], 0.8)
    scores = first.score(past_of([0, 3]))
    moved = second.score(past_of(new[[0, 3]].tolist()))
    assert moved[:, new] == pytest.approx(scores, abs=0.02)


def test_the_transformer_is_the_same_however_it_came_there() -> None:
    window = draw_window(np.random.default_rng(1))
    transitions = make_visit_transitions(window.visits, ALL)
    state = torch.get_rng_state()
    on_the_way = [score_pasts(model, window.pasts) for model in train_path(transitions, [1, 3], 7)]
    (alone,) = train_path(transitions, [3], 7)
    assert np.array_equal(score_pasts(alone, window.pasts), on_the_way[1])
    assert not np.array_equal(on_the_way[0], on_the_way[1])
    (other,) = train_path(transitions, [3], 8)
    assert not np.array_equal(score_pasts(other, window.pasts), on_the_way[1])
    assert torch.equal(torch.get_rng_state(), state)


def test_a_past_is_scored_alike_alone_and_among_longer_ones() -> None:
    window = draw_window(np.random.default_rng(1))
    (model,) = train_path(make_visit_transitions(window.visits, ALL), [2], 0)
    many = score_pasts(model, past_of([0, 1], [4, 2, 7, 1, 3], [], [8]))
    assert many[0] == pytest.approx(score_pasts(model, past_of([0, 1]))[0], abs=1e-5)
    assert many[2] == pytest.approx(model.bias.detach().numpy())  # nothing known: popularity
    assert np.isfinite(many).all()


def test_a_past_longer_than_the_transformer_reads_is_cut() -> None:
    n_clusters = MAX_LENGTH + 40
    walks = [Event(f"u{u}", step, (u + step) % n_clusters) for u in range(3) for step in range(99)]
    walks += [Event("long", step, step) for step in range(90)]
    visits = visits_of(walks, n_clusters)
    (model,) = train_path(make_visit_transitions(visits, ALL), [1], 0)
    longest = list(range(n_clusters - 1))
    whole, cut = score_pasts(model, past_of(longest, longest[-MAX_LENGTH:]))
    assert whole == pytest.approx(cut)


def test_without_a_transition_all_is_popularity() -> None:
    transitions = make_visit_transitions(visits_of([Event("ann", 0, 4)]), ALL)
    assert len(transitions) == 0
    (logistic,) = fit_logistic(transitions, [1.0], 0.8)
    assert logistic.score(past_of([0])) == pytest.approx(np.log(np.full((1, N), 1 / N)))
    (transformer,) = train_path(transitions, [1], 0)
    assert np.isfinite(score_pasts(transformer, past_of([0], []))).all()


PASTS = st.lists(
    st.lists(st.tuples(st.integers(0, N - 1), st.booleans(), st.integers(0, 9)), max_size=12),
    max_size=5,
)


@settings(max_examples=60, deadline=None)
@given(PASTS)
def test_scores_are_the_product_of_features_and_weights(
    entries: list[list[tuple[int, bool, int]]],
) -> None:
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(3 * N + 1, N)).astype(np.float32)
    model = LogisticModel(weights, rng.normal(size=N).astype(np.float32), 0.8)
    columns = [[[entry[at] for entry in past] for past in entries] for at in range(3)]
    pasts = Pasts(*columns)  # type: ignore[arg-type]
    features, _ = featurise_pasts(pasts, N, model.decay)
    expected = features.toarray().astype(np.float64) @ weights + model.popularity
    found = model.score(pasts)
    assert found.shape == (len(entries), N)
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-5)
    for strange in (N, -1):
        with pytest.raises(IndexError):
            model.score(Pasts([[strange]], [[True]], [[0]]))
