"""The clusters of one level as sums over items: what each holds, and what stands around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from training.clusters.naming.evidence import Frequencies, diverge

# How many of 64 names change with each of these: docs/research/clusters.md#what-hangs-on-the-rules.
UNITS_PER_MASS = 1000
"""Masses as whole numbers, to a thousandth: their sums are the same in any order."""
PRIOR_ITEMS = 2.0
"""Of the surroundings are added to a cluster: a term of one of three items is hardly known to be of
a third of all."""
FAMILY_PART = 0.35
"""Of the surroundings: siblings are what a cluster is most easily taken for. With a tenth every
synthetic name gained its parent's category (docs/research/experiments.md#clusters)."""
SHARING_ITEMS = 2  # of a cluster have a term that may name it
KNOWN_ITEMS = 6  # anywhere have it, where the cluster itself has no more than two items
THEME_PRIOR_ITEMS = 6.0
"""The same of its family, where themes are looked for."""
THEME_SHARE = 0.8  # of a term's items in a cluster have one that narrows it down
IMPLIED_SHARE = 0.9  # of the narrower term's items anywhere have the broader one
NARROWER = 0.5  # it stands in at most this part of the broader one's items


@dataclass(frozen=True)
class PairMasses:
    """What stands in items that have both of two terms, for one cluster; the diagonal has the one.

    Attributes:
        cluster: of which.
        found: mass within the cluster, int64 ``[c, c]``.
        in_family: the same within its family.
        overall: the same in everything.
        meetings: how many items anywhere have both, int64 ``[c, c]``.
    """

    cluster: int
    found: np.ndarray
    in_family: np.ndarray
    overall: np.ndarray
    meetings: np.ndarray


class Surroundings:
    """The clusters of one level, as sums over items, to look up what sets each apart.

    Args:
        incidence: 1 where an item has a term, int64 ``[n_items, n_terms]``.
        labels: cluster of each item, ``[n_items]``.
        families: parent cluster of each item, ``[n_items]``; all alike at the top level.
        masses: how much each item counts, ``[n_items]``.
    """

    def __init__(
        self,
        incidence: sp.csr_matrix,
        labels: np.ndarray,
        families: np.ndarray,
        masses: np.ndarray,
    ) -> None:
        # Whole numbers add up to the same sum in any order; floats of many threads do not, and
        # terms that stand in the same items would change their order from run to run.
        self._units = np.rint(masses * UNITS_PER_MASS).astype(np.int64)
        self._incidence = incidence
        self._by_term = incidence.tocsc()
        self._labels = labels
        self._families = families
        self._overall = incidence.T @ self._units
        self._mean_unit = float(self._units.mean())
        self._prior = PRIOR_ITEMS * self._mean_unit
        self._spread = np.asarray(incidence.sum(axis=0)).ravel()
        shape = (int(labels.max()) + 1, len(labels))
        weights = sp.csr_matrix((self._units, (labels, np.arange(len(labels)))), shape=shape)
        self._sums = (weights @ incidence).tocsr()  # [n_clusters, n_terms]
        self._sizes = np.bincount(labels, weights=self._units)
        self._family_sums: tuple[int, np.ndarray] = (-1, np.empty(0))

    @property
    def n_clusters(self) -> int:
        """How many clusters the level has."""
        return int(self._labels.max()) + 1

    def members(self, cluster: int) -> np.ndarray:
        """Return the rows of the items of a cluster, ascending."""
        return np.flatnonzero(self._labels == cluster)

    def best_known(self, cluster: int, n_items: int) -> np.ndarray:
        """Return the rows of the items of a cluster that count most, at most ``n_items``."""
        rows = self.members(cluster)
        return np.asarray(rows[np.lexsort((rows, -self._units[rows]))[:n_items]])

    def rank_terms(self, cluster: int, n_terms: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return terms, the information each holds, and the share of the cluster that has it.

        Only terms that two items of the cluster have, and that it has more of than its
        surroundings; the most telling first, at most ``n_terms``. Where the cluster has no more
        than two items, one will do for a term that is well known elsewhere.
        """
        rows, family = self.members(cluster), self._family_of(cluster)
        own = self._incidence[rows]
        counts = np.asarray(own.sum(axis=0)).ravel()
        is_shared = counts >= SHARING_ITEMS
        if len(rows) <= SHARING_ITEMS:
            is_shared |= (counts > 0) & (self._spread >= KNOWN_ITEMS)
        terms = np.flatnonzero(is_shared)
        found = (own.T @ self._units[rows])[terms]
        in_family = self._sum_family(family)[terms]
        around = self._mix(found, in_family, self._overall[terms], rows, family)
        within = self._smooth(found, around, rows)
        information = diverge(np.stack([within, 1 - within]), np.stack([around, 1 - around]))
        order = np.lexsort((terms, -information))
        order = order[(within > around)[order]][:n_terms]
        return terms[order], information[order], within[order]

    def sum_pairs(self, cluster: int, terms: np.ndarray) -> PairMasses:
        """Sum what stands in items that have both of two of ``terms``."""
        rows, family = self.members(cluster), self._family_of(cluster)
        columns = self._by_term[:, terms].tocsr()
        return PairMasses(
            cluster,
            found=self._pair_mass(columns, rows),
            in_family=self._pair_mass(columns, family),
            overall=self._pair_mass(columns, np.arange(len(self._units))),
            meetings=(columns.T @ columns).toarray(),
        )

    def count_together(self, pairs: PairMasses) -> Frequencies:
        """Return how often two terms stand in one item, within a cluster and around it."""
        rows, family = self.members(pairs.cluster), self._family_of(pairs.cluster)
        around = self._mix(pairs.found, pairs.in_family, pairs.overall, rows, family)
        within = self._smooth(pairs.found, around, rows)
        return Frequencies(within, around, self._drawn_to_chance(pairs.overall), pairs.meetings)

    def tell_apart(self, cluster: int, others: np.ndarray, terms: np.ndarray) -> np.ndarray:
        """Return what each term tells about which of like clusters an item is in, ``[c]``.

        In bits as for :meth:`rank_terms`, held against ``others`` alone; 0 where the cluster has
        no more of a term than these.
        """
        found = np.asarray(self._sums[[cluster]][:, terms].sum(axis=0)).ravel()
        theirs = np.asarray(self._sums[others][:, terms].sum(axis=0)).ravel()
        around = theirs / max(float(self._sizes[others].sum()), 1.0)
        within = self._smooth(found, around, self.members(cluster))
        information = diverge(np.stack([within, 1 - within]), np.stack([around, 1 - around]))
        return np.asarray(np.where(within > around, information, 0.0))

    def share_held(self, cluster: int, terms: np.ndarray) -> np.ndarray:
        """Return how much of what has each term, by weight, is in the cluster, ``[c]``."""
        found = self._sums[[cluster]][:, terms].toarray().ravel()
        return np.asarray(found / np.maximum(self._overall[terms], 1))

    def find_narrower(self, pairs: PairMasses) -> np.ndarray:
        """Say which terms (columns) narrow which (rows) down to what the cluster is about.

        Nearly all items that have the broader one here have the narrower one too, few items
        elsewhere do, and hardly any has the narrower one alone. A small cluster is taken to be
        like its family: what two of three items share by chance is no theme. Bool ``[c, c]``.
        """
        family = self._family_of(pairs.cluster)
        prior = THEME_PRIOR_ITEMS * self._mean_unit
        within = pairs.found + prior * pairs.in_family / float(self._units[family].sum())
        single = np.diag(pairs.overall)
        has_both = within >= THEME_SHARE * np.diag(within)[:, None]
        is_implied = pairs.overall >= IMPLIED_SHARE * single[None, :]
        return np.asarray(has_both & is_implied & (single <= NARROWER * single[:, None]))

    def _family_of(self, cluster: int) -> np.ndarray:
        first = int(np.argmax(self._labels == cluster))
        return np.flatnonzero(self._families == self._families[first])

    def _sum_family(self, family: np.ndarray) -> np.ndarray:
        """Return the mass of each term in a family; children of a family follow one another."""
        known, sums = self._family_sums
        if known != family[0]:
            sums = self._incidence[family].T @ self._units[family]
            self._family_sums = (int(family[0]), sums)
        return sums

    def _pair_mass(self, columns: sp.csr_matrix, rows: np.ndarray) -> np.ndarray:
        part = columns[rows]
        mass: np.ndarray = (part.T @ sp.diags(self._units[rows], dtype=np.int64) @ part).toarray()
        return mass

    def _mix(
        self,
        found: np.ndarray,
        in_family: np.ndarray,
        overall: np.ndarray,
        rows: np.ndarray,
        family: np.ndarray,
    ) -> np.ndarray:
        """Return the frequency around the cluster: among all others, and among its siblings."""
        size, whole = self._units[rows].sum(), self._units.sum()
        siblings = self._units[family].sum() - size
        others = (overall - found) / max(float(whole - size), 1.0)
        if siblings == 0 or siblings == whole - size:
            return np.asarray(others)
        near = (in_family - found) / float(siblings)
        return np.asarray((1 - FAMILY_PART) * others + FAMILY_PART * near)

    def _drawn_to_chance(self, overall: np.ndarray) -> np.ndarray:
        """Return shares of everything, drawn to what they were if terms met by chance alone."""
        size = float(self._units.sum())
        single = np.diag(overall) / size
        by_chance = np.outer(single, single)
        np.fill_diagonal(by_chance, single)
        return np.asarray((overall + self._prior * by_chance) / (size + self._prior))

    def _smooth(self, found: np.ndarray, around: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Draw small clusters towards their surroundings: chance is not taken for meaning."""
        size = float(self._units[rows].sum())
        return np.asarray((found + self._prior * around) / (size + self._prior))
