"""Estimates from another policy's log, in a world whose true values have a closed form."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from inference.experiment.off_policy import (
    LoggedChoices,
    effective_size,
    estimate_doubly_robust,
    estimate_snipw,
    estimate_switch,
    unsupported_share,
)
from inference.experiment.random_streams import Floats

LOGGED = np.array([[0.5, 0.3, 0.2], [0.2, 0.2, 0.6]])  # two kinds of people, three clusters
JUDGED = np.array([[0.1, 0.1, 0.8], [0.7, 0.2, 0.1]])
LIKED = np.array([[0.1, 0.2, 0.5], [0.6, 0.3, 0.05]])
TRUTH = float((JUDGED * LIKED).sum(axis=1).mean())  # both kinds are as frequent
VALUE_OF_LOG = float((LOGGED * LIKED).sum(axis=1).mean())
WRONG = np.full((2, 3), 0.3)
N = 40_000
DEVIATION = 0.008  # of a weighted mean of N rewards with weights up to 4, rounded up; five allowed


def draw(model: Floats, judged: Floats = JUDGED, logged: Floats = LOGGED) -> LoggedChoices:
    """Return choices by the log's policy, with what a model of rewards says of them."""
    rng = np.random.default_rng(0)
    kinds = rng.integers(2, size=N)
    chosen = (rng.random(N)[:, None] > np.cumsum(logged, axis=1)[kinds]).sum(axis=1)
    rewards = (rng.random(N) < LIKED[kinds, chosen]).astype(float)
    expected = (judged * model).sum(axis=1)[kinds]
    at = (kinds, chosen)
    return LoggedChoices(rewards, logged[at], judged[at], model[at], expected)


def test_all_find_the_truth_where_the_log_made_every_choice() -> None:
    assert abs(VALUE_OF_LOG - TRUTH) > 10 * DEVIATION  # the plain mean is far off
    assert estimate_snipw(draw(WRONG)) == pytest.approx(TRUTH, abs=5 * DEVIATION)
    for model in (LIKED, WRONG):  # by the probabilities alone, whatever the model
        assert estimate_doubly_robust(draw(model)) == pytest.approx(TRUTH, abs=5 * DEVIATION)


def test_a_right_model_saves_estimates_whose_probabilities_are_wrong() -> None:
    choices = draw(LIKED)
    misled = LoggedChoices(
        choices.rewards, choices.logged**0.5, choices.judged, choices.predicted, choices.expected
    )
    assert estimate_doubly_robust(misled) == pytest.approx(TRUTH, abs=5 * DEVIATION)


def test_the_switch_goes_from_the_model_alone_to_doubly_robust() -> None:
    choices = draw(WRONG)
    assert estimate_switch(choices, 0.0) == pytest.approx(0.3)
    assert estimate_switch(choices, 4.0) == pytest.approx(estimate_doubly_robust(choices))
    # Cut at 1, what is judged far more often than logged is left to the wrong model.
    assert abs(estimate_switch(choices, 1.0) - TRUTH) > 5 * DEVIATION
    assert estimate_switch(draw(LIKED), 1.0) == pytest.approx(TRUTH, abs=5 * DEVIATION)


def test_a_policy_is_judged_from_its_own_log_by_the_plain_mean() -> None:
    choices = draw(WRONG, judged=LOGGED)
    assert estimate_snipw(choices) == pytest.approx(choices.rewards.mean())
    assert effective_size(choices) == pytest.approx(N)
    assert unsupported_share(choices) == 0


def test_what_the_log_never_chose_is_missed_and_said() -> None:
    narrow = np.array([[0.0, 0.5, 0.5], [0.0, 0.5, 0.5]])
    choices = draw(WRONG, logged=narrow)
    # the judged policy gives the first cluster .1 and .7: .4 of its choices in the mean
    assert unsupported_share(choices) == pytest.approx(0.4, abs=0.03)
    supported = JUDGED[:, 1:]
    of_the_rest = (supported * LIKED[:, 1:]).sum() / supported.sum()
    assert estimate_snipw(choices) == pytest.approx(of_the_rest, abs=5 * DEVIATION)
    assert abs(of_the_rest - TRUTH) > 5 * DEVIATION
    assert estimate_doubly_robust(draw(LIKED, logged=narrow)) == pytest.approx(TRUTH, abs=0.02)


def test_a_choice_without_a_chance_is_no_choice() -> None:
    one = np.ones(1)
    with pytest.raises(ValueError, match="above 0"):
        LoggedChoices(one, np.zeros(1), one, one, one)
    never = LoggedChoices(one, one, np.zeros(1), one, one)
    assert np.isnan(estimate_snipw(never))
    assert effective_size(never) == 0


def test_open_bandit_pipeline_estimates_the_same() -> None:
    """Golden numbers by obp itself, on a log that the file holds: benchmarks/off_policy_oracle.py.

    Both are sums of 200 terms in float64: they agree to 1e-12 and some rounding.
    """
    told = json.loads((Path(__file__).parent / "obp_estimates.json").read_text(encoding="utf-8"))
    logged, judged, predicted = (np.array(told[name]) for name in ("logged", "judged", "predicted"))
    rows, actions = np.arange(len(logged)), np.array(told["actions"])
    choices = LoggedChoices(
        rewards=np.array(told["rewards"]),
        logged=logged[rows, actions],
        judged=judged[rows, actions],
        predicted=predicted[rows, actions],
        expected=(judged * predicted).sum(axis=1),
    )
    ours = {
        "model": estimate_switch(choices, 0.0),
        "snipw": estimate_snipw(choices),
        "doubly_robust": estimate_doubly_robust(choices),
        **{f"switch_at_{bound}": estimate_switch(choices, bound) for bound in (0.5, 1.0, 2.0, 5.0)},
    }
    assert ours == pytest.approx(told["estimates"], abs=1e-10)
    assert len({round(value, 6) for value in ours.values()}) == len(
        ours
    )  # each tells something else
