"""The baselines, each with its one setting: chosen on validation, then fitted for the test."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from expectations.contracts.values import HISTORY_SIZE, ClusterContext
from inference.evaluation.counts_table import tabulate_pair_counts
from inference.evaluation.plan_scores import rank_cases, score_served
from inference.evaluation.settings import EvaluationSettings
from inference.plans.config import PlanConfig
from training.baselines.clusters.cluster_mass import score_cluster_mass
from training.baselines.clusters.cluster_transformer import score_pasts, train_path
from training.baselines.clusters.ease import fit_ease, score_ease
from training.baselines.clusters.logistic import fit_logistic
from training.baselines.clusters.pair_counts import count_pairs
from training.baselines.clusters.popularity import count_novel_likes
from training.baselines.clusters.user_knn import score_by_neighbours
from training.baselines.clusters.visit_transitions import make_visit_transitions
from training.baselines.clusters.window import Window
from training.baselines.clusters.words import score_words
from training.evaluation.clusters.cases import Scores
from training.evaluation.clusters.compare import RECALL_AT_10, measure_rankings

PAIR_COUNTS = "pair_counts"
PAIR_COUNTS_ALONE = "pair_counts_alone"
EASE = "ease"
USER_NEIGHBOURS = "user_neighbours"
LOGISTIC = "logistic"
CLUSTER_TRANSFORMER = "cluster_transformer"
CLUSTER_MASS = "cluster_mass"
POPULARITY = "popularity"
WORDS = "words"

CHOICE_DEPTH = 10
"""Of the rankings that recall@10, by which baselines are chosen, is read off."""


@dataclass(frozen=True)
class Baseline:
    """Something that learns from a window's visits and scores its cases.

    Attributes:
        values: of its setting that are tried; one value is taken as it is.
        score: gives the scores of all cases for each of the values asked for.
    """

    values: tuple[float, ...]
    score: Callable[[Window, Sequence[float]], list[Scores]]


@dataclass(frozen=True)
class ChosenBaselines:
    """What validation decided: each baseline's setting and, with it, its scores there.

    ``recalls`` are recall@10 on validation, 0 where there was no case.
    """

    settings: Mapping[str, float]
    scores: Mapping[str, Scores]
    recalls: Mapping[str, float]

    @property
    def best(self) -> str:
        """The baseline with the best recall@10 on validation, the first of equals."""
        return max(self.recalls, key=lambda name: self.recalls[name])


def list_baselines(settings: EvaluationSettings) -> dict[str, Baseline]:
    """Return every baseline by name."""
    evaluation = settings.evaluation

    def by_pair_counts(window: Window, priors: Sequence[float]) -> list[Scores]:
        tables = tabulate_pair_counts(window, priors, settings)
        return [
            score_served(filled, window.cases, window.ancestors, settings.plan) for filled in tables
        ]

    def by_newest_context(window: Window, priors: Sequence[float]) -> list[Scores]:
        counts = count_pairs(window.visits, evaluation.pair_window, priors[0])
        contexts = [
            ClusterContext.of(*history[:HISTORY_SIZE]) for history in window.cases.histories
        ]
        return [counts.with_prior(prior).score_batch(contexts) for prior in priors]

    def by_logistic(window: Window, penalties: Sequence[float]) -> list[Scores]:
        transitions = make_visit_transitions(window.visits, evaluation.max_transitions)
        fitted = fit_logistic(transitions, penalties, evaluation.logistic_decay)
        return [model.score(window.pasts) for model in fitted]

    def by_transformer(window: Window, epochs: Sequence[float]) -> list[Scores]:
        transitions = make_visit_transitions(window.visits, evaluation.max_transitions)
        path = train_path(transitions, [int(epoch) for epoch in epochs], settings.seed)
        return [score_pasts(model, window.pasts) for model in path]

    return {
        PAIR_COUNTS: Baseline(evaluation.pair_priors, by_pair_counts),
        PAIR_COUNTS_ALONE: Baseline(evaluation.pair_priors, by_newest_context),
        EASE: Baseline(evaluation.ease_penalties, _by_ease),
        USER_NEIGHBOURS: Baseline(evaluation.neighbour_counts, _by_neighbours),
        LOGISTIC: Baseline(evaluation.logistic_penalties, by_logistic),
        CLUSTER_TRANSFORMER: Baseline(evaluation.transformer_epochs, by_transformer),
        CLUSTER_MASS: Baseline(evaluation.mass_powers, _by_mass),
        POPULARITY: Baseline((1.0,), _by_popularity),
        WORDS: Baseline((1.0,), _by_words),
    }


def choose_settings(
    baselines: Mapping[str, Baseline], validation: Window, plan: PlanConfig
) -> ChosenBaselines:
    """Return the settings with the best recall@10 on ``validation``, the first of equals.

    Places are given out as ``plan`` says, as they are for every contender. Without cases the
    first values are taken.
    """
    settings, scores, recalls = {}, {}, {}
    for name, baseline in baselines.items():
        tried = baseline.score(validation, baseline.values)
        found = [_recall(each, validation, plan) for each in tried]
        best = int(np.argmax(found))
        settings[name], scores[name] = baseline.values[best], tried[best]
        recalls[name] = found[best]
    return ChosenBaselines(settings, scores, recalls)


def score_baselines(
    baselines: Mapping[str, Baseline], settings: Mapping[str, float], window: Window
) -> dict[str, Scores]:
    """Return every baseline's scores of the window's cases, with the settings chosen."""
    return {
        name: baseline.score(window, (settings[name],))[0] for name, baseline in baselines.items()
    }


def _by_ease(window: Window, penalties: Sequence[float]) -> list[Scores]:
    fitted = (fit_ease(window.visits, penalty) for penalty in penalties)
    return [score_ease(weights, window.cases.consumed) for weights in fitted]


def _by_neighbours(window: Window, counts: Sequence[float]) -> list[Scores]:
    return score_by_neighbours(window.visits, window.pasts.clusters, counts)


def _by_mass(window: Window, powers: Sequence[float]) -> list[Scores]:
    return score_cluster_mass(window.recommender, window.recent_items, powers)


def _by_popularity(window: Window, powers: Sequence[float]) -> list[Scores]:
    logs = np.log(count_novel_likes(window.visits) + 1.0)  # [N]
    return [np.tile(power * logs, (len(window.cases), 1)) for power in powers]


def _by_words(window: Window, powers: Sequence[float]) -> list[Scores]:
    scores = score_words(window.words, window.cases.histories)
    return [power * scores for power in powers]


def _recall(scores: Scores, window: Window, plan: PlanConfig) -> float:
    if len(window.cases) == 0:
        return 0.0
    ranked = rank_cases(scores, window.distances, plan, CHOICE_DEPTH)
    return float(measure_rankings(ranked, window.cases)[RECALL_AT_10].mean())
