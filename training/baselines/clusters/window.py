"""One split's evaluation cases, and all that a baseline may know when it answers them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from training.baselines.clusters.visits import Pasts, Visits
from training.clusters.distance import Ancestors
from training.evaluation.clusters.cases import PlannerCases
from training.recommender.model.recommender import SequenceRecommender


@dataclass(frozen=True)
class Window:
    """The cases of one split with what was known before them.

    Attributes:
        cases: what is asked and what came of it, B of them.
        pasts: what the user of each case had touched before its origin, [B].
        visits: of all users, before the split's first origin: what may be learnt from.
        recommender: fitted on what lay before the split's first origin.
        recent_items: what the user of each case liked last before its origin, newest first, [B].
        ancestors: of the clusters, by which distances are measured.
        words: cosine of the words of two clusters' items, [N, N].
    """

    cases: PlannerCases
    pasts: Pasts
    visits: Visits
    recommender: SequenceRecommender
    recent_items: list[list[str]]
    ancestors: Ancestors
    words: NDArray[np.float64]

    @cached_property
    def distances(self) -> NDArray[np.int8]:
        """Codes of how far every cluster is from the user of each case, [B, N]."""
        return self.cases.distances(self.ancestors)
