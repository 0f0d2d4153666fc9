"""The log as a bandit sees it: novel clusters that people took to, and some they did not."""

from __future__ import annotations

import numpy as np

from training.bandits.policy import Feedback, Floats, user_vectors
from training.evaluation.clusters.cases import PlannerCases


def feedback_of_cases(
    cases: PlannerCases, clusters: Floats, n_negatives: int, rng: np.random.Generator
) -> Feedback:
    """Return every novel cluster that a case took to, and ``n_negatives`` others beside each.

    Args:
        cases: people at a time, and what they took to afterwards.
        clusters: vectors of the serving clusters, [N, D].
        n_negatives: clusters neither consumed nor taken that are drawn beside each taken one.
        rng: draws them.
    """
    users = user_vectors(cases.histories, clusters)
    rows: list[int] = []
    chosen: list[int] = []
    rewards: list[float] = []
    for case, positives in enumerate(cases.positives):
        is_open = np.ones(len(clusters), dtype=bool)
        is_open[[*cases.histories[case], *cases.consumed[case], *positives]] = False
        others = np.flatnonzero(is_open)
        n_others = min(n_negatives * len(positives), len(others))
        negatives = rng.choice(others, size=n_others, replace=False)
        chosen += [*sorted(positives), *negatives.tolist()]
        rewards += [1.0] * len(positives) + [0.0] * n_others
        rows += [case] * (len(positives) + n_others)
    return Feedback(users[rows], np.array(chosen, dtype=np.int64), np.array(rewards))
