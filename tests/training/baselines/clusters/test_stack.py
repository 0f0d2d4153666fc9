"""Stacks find who is right, and are never worse than a member on what they were fitted to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.baselines.clusters.stack import (
    Stack,
    find_offered,
    fit_stack,
    score_out_of_fold,
    standardise_scores,
)
from training.evaluation.clusters.cases import PlannerCases

N = 12
B = 150


def draw_cases(rng: np.random.Generator, truth: np.ndarray) -> PlannerCases:
    """Cases of people with two touched clusters who took to another one by these log-chances.

    Touched are those that stand at minus infinity, or two at random.
    """
    consumed, positives = [], []
    for row in truth:
        touched = np.flatnonzero(np.isneginf(row)).tolist()
        touched = touched or rng.choice(N, size=2, replace=False).tolist()
        probabilities = np.exp(row)
        probabilities[touched] = 0
        positives.append(frozenset([int(rng.choice(N, p=probabilities / probabilities.sum()))]))
        consumed.append(touched)
    users = tuple(f"u{case}" for case in range(len(truth)))
    return PlannerCases(users, [[c[0]] for c in consumed], consumed, positives)


def log_loss(scores: np.ndarray, cases: PlannerCases) -> float:
    """The mean surprise at what came, scores taken as log-chances up to a constant."""
    offered = find_offered(scores, cases)
    logits = np.where(offered, scores, -np.inf)
    logits = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return float(-np.mean([logits[row, min(p)] for row, p in enumerate(cases.positives)]))


def test_who_knows_gets_the_weight_and_who_guesses_none() -> None:
    rng = np.random.default_rng(0)
    noise, drawn = rng.normal(size=(2, 2000, N))
    offered = np.arange(N) > 1
    spread = standardise_scores(drawn, np.broadcast_to(offered, drawn.shape))
    truth = np.where(offered, 2 * spread, -np.inf)
    cases = draw_cases(rng, truth)
    stack = fit_stack({"knows": truth, "guesses": noise}, cases, penalty=0.0)
    weights = dict(zip(stack.members, stack.weights, strict=True))
    # the drawn choices are a softmax of twice the standardised scores; the standard error of a
    # weight on unit scores is about 1 / sqrt(2000) = .02 over the deviation among likely ones
    assert weights["knows"] == pytest.approx(2.0, abs=0.15)
    assert weights["guesses"] < 0.1
    assert fit_stack({"lies": -truth, "guesses": noise}, cases, penalty=0.0).weights[0] == 0


def test_two_halves_of_the_truth_are_put_together() -> None:
    rng = np.random.default_rng(1)
    halves = rng.normal(size=(2, 2000, N)) * 1.5
    cases = draw_cases(rng, halves.sum(axis=0))
    members = {"first": halves[0], "second": halves[1]}
    stack = fit_stack(members, cases, penalty=1.0)
    first, second = stack.weights
    assert 1.1 < first < 1.6  # 1.5, less what standardising each case alone takes away
    assert first == pytest.approx(second, abs=0.15)
    together = log_loss(stack.score(members, cases), cases)
    assert together < min(log_loss(each, cases) for each in members.values()) - 0.1


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_without_penalty_no_member_explains_its_cases_better(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(B, N))
    cases = draw_cases(rng, truth)
    members = {str(m): truth * rng.random() + rng.normal(size=truth.shape) for m in range(3)}
    stack = fit_stack(members, cases, penalty=0.0)
    reached = log_loss(stack.score(members, cases), cases)
    offered = find_offered(truth, cases)
    for member in members.values():
        alone = standardise_scores(member, offered)
        best = min(log_loss(alone * weight, cases) for weight in np.linspace(0, 3, 31))
        assert reached <= best + 1e-6


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_new_numbers_for_clusters_change_nothing_but_the_numbers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(40, N))
    cases = draw_cases(rng, truth)
    members = {"a": truth, "b": rng.normal(size=truth.shape)}
    new = rng.permutation(N)  # cluster c is called new[c]
    renamed = PlannerCases(
        cases.users,
        [[int(new[c]) for c in each] for each in cases.histories],
        [[int(new[c]) for c in each] for each in cases.consumed],
        [frozenset(int(new[c]) for c in each) for each in cases.positives],
    )
    moved = {name: each[:, np.argsort(new)] for name, each in members.items()}
    first = fit_stack(members, cases, 1.0).score(members, cases)
    second = fit_stack(moved, renamed, 1.0).score(moved, renamed)
    np.testing.assert_allclose(second[:, new], first, atol=1e-4)


def test_crosswise_no_case_helps_to_score_itself() -> None:
    rng = np.random.default_rng(3)
    truth = rng.normal(size=(60, N))
    cases = draw_cases(rng, truth)
    members = {"a": truth, "b": rng.normal(size=truth.shape)}
    before = score_out_of_fold(members, cases, 1.0)
    for case in (0, 31):
        others = sorted(set(range(N)) - set(cases.consumed[case]) - cases.positives[case])
        positives = [*cases.positives]
        positives[case] = frozenset(others[:1])  # had it come to something else
        changed = replace(cases, positives=positives)
        after = score_out_of_fold(members, changed, 1.0)
        np.testing.assert_array_equal(after[case], before[case])
        assert not np.array_equal(after, before)


def test_consumed_clusters_are_not_scored_and_gaps_stand_last() -> None:
    cases = PlannerCases(("ann",), [[0]], [[0, 1]], [frozenset([2])])
    scores = np.array([[9.0, 9.0, 1.0, -np.inf, 3.0]])
    offered = find_offered(scores, cases)
    expected = (np.array([1, 1, 3]) - 5 / 3) / np.std([1, 1, 3])
    assert standardise_scores(scores, offered)[0] == pytest.approx([0, 0, *expected])
    assert not standardise_scores(np.full((1, 5), 0.1), offered).any()
    stack = Stack(("only",), np.ones(1))
    assert np.isneginf(stack.score({"only": scores}, cases)[0, :2]).all()


def test_without_cases_all_have_equal_weights() -> None:
    nobody = PlannerCases((), [], [], [])
    stack = fit_stack({"a": np.zeros((0, N)), "b": np.zeros((0, N))}, nobody, 1.0)
    assert stack.weights.tolist() == [0.5, 0.5]


def test_a_handful_of_cases_moves_the_weights_little() -> None:
    rng = np.random.default_rng(4)
    truth = rng.normal(size=(8, N))
    cases = draw_cases(rng, truth)
    members = {"knows": truth, "guesses": rng.normal(size=truth.shape)}
    assert fit_stack(members, cases, penalty=1000.0).weights == pytest.approx([0.5, 0.5], abs=0.05)
    assert abs(fit_stack(members, cases, penalty=0.1).weights - 0.5).max() > 0.2
