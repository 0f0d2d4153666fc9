"""How far a cluster lies from what somebody knows: the ONE definition, for one user and for many.

Known are the clusters that a person has consumed, or, where it is asked for, those they liked. A
cluster beside them is *adjacent* where its family (one level up) has a known cluster, in a *new
family* where only its field (the top level) has one, and in a *new field* otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Distance = Literal["adjacent", "new_family", "new_field"]

DISTANCES: tuple[Distance, ...] = get_args(Distance)
"""Nearest first; the place in it is the code in arrays, as 1 for ``new_family``."""

KNOWN = -1
"""Code of a cluster that is known itself, which is at no distance."""

# Shapes: B users, N clusters of the serving level.


@dataclass(frozen=True)
class Ancestors:
    """The family and the field of every cluster of the serving level.

    Two levels have families that are fields, so nothing is in a new family there. Clusters of the
    top level are families and fields of their own: whatever is not known is a new field.

    Attributes:
        families: ancestor one level up, int64 ``[N]``.
        fields: ancestor at the top level, int64 ``[N]``.
    """

    families: NDArray[np.int64]
    fields: NDArray[np.int64]

    def distances_of(self, known: Sequence[Sequence[int]]) -> NDArray[np.int8]:
        """Return the code of every cluster's distance from each user, int8 ``[B, N]``.

        Args:
            known: clusters of each user, any order, ``[B]``.
        """
        n_clusters = len(self.families)
        sizes = np.fromiter((len(clusters) for clusters in known), np.int64, len(known))
        clusters = np.fromiter((one for row in known for one in row), np.int64, sizes.sum())
        users = np.repeat(np.arange(len(known)), sizes)
        is_known = _scatter(users, clusters, len(known), n_clusters)
        has_family, has_field = (
            _scatter(users, above[clusters], len(known), n_above)[:, above]
            for above, n_above in self._levels
        )
        farthest = len(DISTANCES) - 1
        found = farthest - has_family.astype(np.int8) - has_field.astype(np.int8)
        return np.where(is_known, np.int8(KNOWN), found).astype(np.int8)

    @cached_property
    def _levels(self) -> tuple[tuple[NDArray[np.int64], int], ...]:
        """Ancestors at either level, and how many there are."""
        return tuple((a, int(a.max(initial=-1)) + 1) for a in (self.families, self.fields))

    def distances_from(self, known: Sequence[int]) -> NDArray[np.int8]:
        """Return the code of every cluster's distance from one user, int8 ``[N]``.

        The same as of many, in as few calls of numpy as a request can wait for.
        """
        clusters = np.array(known, dtype=np.int64)
        found = np.full(len(self.families), len(DISTANCES) - 1, dtype=np.int8)
        for above, n_above in self._levels:
            is_reached = np.zeros(n_above, dtype=bool)
            is_reached[above[clusters]] = True
            found -= is_reached[above]
        found[clusters] = KNOWN
        return found


def climb(parents: Sequence[NDArray[np.int64]], n_clusters: int) -> Ancestors:
    """Return the ancestors of the clusters of the serving level.

    Args:
        parents: cluster one level up of each cluster, of every level from the one below the top
            to the one that is served; empty where the top level is served.
        n_clusters: of the serving level.
    """
    lineage = [np.arange(n_clusters)]
    for above in reversed(parents):
        lineage.append(above[lineage[-1]])
    return Ancestors(families=lineage[1] if parents else lineage[0], fields=lineage[-1])


def _scatter(
    rows: NDArray[np.int64], columns: NDArray[np.int64], n_rows: int, n_columns: int
) -> NDArray[np.bool_]:
    found = np.zeros((n_rows, n_columns), dtype=bool)
    found[rows, columns] = True
    return found
