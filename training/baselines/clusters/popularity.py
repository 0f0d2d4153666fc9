"""Popularity: the clusters most users came to like."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.baselines.clusters.visits import Visits


def count_novel_likes(visits: Visits) -> NDArray[np.int64]:
    """Return how many users found and liked each cluster, [N]; one ranking for everybody."""
    return np.bincount(visits.clusters[visits.novel_likes], minlength=visits.n_clusters)
