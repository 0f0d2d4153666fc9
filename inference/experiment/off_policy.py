"""Estimates what one policy would have brought from the log of another, by its probabilities.

A log tells of every choice its reward and the probability with which it was made; the policy to be
judged would have made the same choice with another. Where that one chooses what the log's never
did, nothing here can know: see :func:`unsupported_share`.

Shapes: M logged choices.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from inference.experiment.random_streams import Floats


@dataclass(frozen=True)
class LoggedChoices:
    """Choices of a policy, and what another would have done in their place.

    Attributes:
        rewards: [M], what came of each.
        logged: [M], probability with which the log's policy made the choice, above 0.
        judged: [M], probability with which the policy to be judged would have made it.
        predicted: [M], the reward that a model expects of the choice that was made.
        expected: [M], the reward that it expects of the judged policy in the same place: over all
            its choices, by their probability.
    """

    rewards: Floats
    logged: Floats
    judged: Floats
    predicted: Floats
    expected: Floats

    def __post_init__(self) -> None:
        if not (self.logged > 0).all():
            raise ValueError("what was chosen had a probability above 0")

    @property
    def weights(self) -> Floats:
        """How much more often the judged policy would have made each choice, [M]."""
        return np.asarray(self.judged / self.logged)


def estimate_snipw(choices: LoggedChoices) -> float:
    """Return the self-normalised inverse propensity weighted mean reward; NaN without any weight.

    ``sum(w r) / sum(w)`` (Swaminathan and Joachims, NeurIPS 2015): no model is needed, and a
    constant added to all rewards is added to the estimate.
    """
    weights = choices.weights
    total = float(weights.sum())
    return float(weights @ choices.rewards) / total if total else float("nan")


def estimate_doubly_robust(choices: LoggedChoices) -> float:
    """Return the doubly robust mean reward: right if the probabilities or the model are.

    ``mean(expected + w (r - predicted))`` (Dudik, Langford and Li, ICML 2011, arXiv 1103.4601).
    """
    return estimate_switch(choices, np.inf)


def estimate_switch(choices: LoggedChoices, largest_weight: float) -> float:
    """Return the doubly robust mean reward that trusts the model where weights are large.

    ``mean(expected + w [w <= largest] (r - predicted))`` (Wang, Agarwal and Dudik, ICML 2017,
    arXiv 1612.01205): 0 is the model alone, infinity the doubly robust estimate. Less variance, for
    a bias where the model is wrong and weights are cut.
    """
    weights = choices.weights
    kept = np.where(weights <= largest_weight, weights, 0.0)
    corrections = kept * (choices.rewards - choices.predicted)
    return float((choices.expected + corrections).mean())


def effective_size(choices: LoggedChoices) -> float:
    """Return how many choices of the judged policy's own the log is worth (Kish, 1965)."""
    weights = choices.weights
    squares = float(weights @ weights)
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def unsupported_share(choices: LoggedChoices) -> float:
    """Return the share of the judged policy's choices that the log never made, about.

    Weights have a mean of 1 where the log could have made every choice of the judged policy; what
    the mean lacks is the probability of those it could not.
    """
    return float(1 - choices.weights.mean())
