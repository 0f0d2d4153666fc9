"""Settings of the planner's evaluation and of the baselines beside it."""

from __future__ import annotations

from pydantic import Field

from training.config import Config


class EvaluationConfig(Config):
    """How rankings are compared.

    Attributes:
        resamples: bootstrap resamples behind each interval.
        pair_window: clusters liked last that count as context of the next one in pair counts.
        pair_priors: strengths of back-off tried for pair counts, in observations.
        ease_penalties: L2 weights tried for EASE, in users.
        neighbour_counts: numbers of neighbours tried for user-kNN.
        logistic_penalties: L2 weights tried for logistic regression, in transitions.
        logistic_decay: of a liked cluster's recency there, from one moment to the next newer one.
        transformer_epochs: numbers of epochs tried for the transformer over cluster ids, ascending.
        max_transitions: newest transitions that logistic regression and transformer learn from.
        mass_powers: tried for the recommender's cluster mass, by which its scores are multiplied.
        stack_penalty: L2 weight of the stacks' distance from a plain mean, in cases.

    Of those tried, the one with the best recall@10 on the validation cases is taken.
    """

    resamples: int = Field(default=1000, ge=100)
    pair_window: int = Field(default=8, ge=2)
    pair_priors: tuple[float, ...] = Field(
        default=(10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0), min_length=1
    )
    ease_penalties: tuple[float, ...] = Field(
        default=(10.0, 100.0, 1000.0, 10_000.0, 100_000.0), min_length=1
    )
    neighbour_counts: tuple[int, ...] = Field(
        default=(50, 100, 200, 400, 800, 1600, 3200), min_length=1
    )
    logistic_penalties: tuple[float, ...] = Field(
        default=(3.0, 10.0, 30.0, 100.0, 300.0, 1000.0), min_length=1
    )
    logistic_decay: float = Field(default=0.8, gt=0, le=1)
    transformer_epochs: tuple[int, ...] = Field(default=(2, 4, 6, 8, 10, 12, 16), min_length=1)
    max_transitions: int = Field(default=40_000, ge=1)
    mass_powers: tuple[float, ...] = Field(default=(0.25, 0.5, 1.0), min_length=1)
    stack_penalty: float = Field(default=100.0, ge=0)
