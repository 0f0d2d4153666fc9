"""Names every cluster in two to six words that no other cluster of its level has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
import scipy.sparse as sp

from training.clusters.config import ClusterConfig, DescriptionConfig
from training.clusters.evidence import find_affinity, find_gains
from training.clusters.exemplars import read_exemplars
from training.clusters.name_writer import telling_stems
from training.clusters.phrase_choice import choose_phrase
from training.clusters.phrases import Candidates, Term, order_terms, stems_of
from training.clusters.represent import Representation
from training.clusters.spelling import spell_number
from training.clusters.surroundings import Surroundings
from training.clusters.terms import TITLE_EMPHASIS, TermIndex, index_terms
from training.clusters.tree import ClusterTree
from training.clusters.words import read_words

CANDIDATES = 80
EXEMPLARS = 10


def describe_tree(
    items: pl.DataFrame,
    tree: ClusterTree,
    representation: Representation,
    config: ClusterConfig,
    kept: Sequence[Mapping[int, str]] = (),
) -> tuple[tuple[str, ...], ...]:
    """Return a description per cluster and level, unique within its level.

    Args:
        items: the table ITEMS, ascending by ``item_id`` as in the tree.
        tree: the clusters to name.
        representation: what was clustered.
        config: number of words, and what a word without people in common is worth.
        kept: per level, the clusters that have their description already; none when empty.
    """
    floor = config.representation.word_floor
    index = index_terms(read_words(items), representation.company, floor, config.description)
    # A name speaks for what people meet in the cluster, but not for its one best seller alone.
    masses = np.sqrt(1 + representation.traffic)
    families = np.zeros(items.height, dtype=np.int64)
    described = []
    for nth, labels in enumerate(tree.labels):
        level = Surroundings(index.incidence, labels, families, masses)
        namer = _Namer(index, level, items["title"], kept[nth] if kept else {})
        clusters = range(int(labels.max()) + 1)
        described.append(tuple(namer.name(cluster, config.description) for cluster in clusters))
        families = labels
    return tuple(described)


class _Namer:
    """Names the clusters of one level, one after another, each unlike those before."""

    def __init__(
        self, index: TermIndex, level: Surroundings, titles: pl.Series, kept: Mapping[int, str]
    ) -> None:
        self._index = index
        self._level = level
        self._titles = titles
        self._kept = kept
        self._taken = [telling_stems(name) for name in kept.values()]

    def name(self, cluster: int, config: DescriptionConfig) -> str:
        """Return the name that a cluster has already, or the best that is not taken."""
        if cluster in self._kept:
            return self._kept[cluster]
        members, columns, candidates = self._list_candidates(cluster)
        phrase = choose_phrase(candidates, self._taken, config)
        if phrase is None:  # nothing readable sets it apart: better no name than a wrong one
            return self._number(cluster)
        self._taken.append(stems_of(phrase))
        listed = tuple(term for term in phrase if not term.is_title)
        chosen = [columns[candidates.terms.index(term)] for term in listed]
        ordered = order_terms(listed, self._index.places[members][:, chosen].toarray())
        titles = [term for term in phrase if term.is_title]
        return " ".join(term.surface for term in (*ordered, *titles))

    def _number(self, cluster: int) -> str:
        number = cluster + 1
        while (name := f"unnamed interest {spell_number(number)}") in self._kept.values():
            number += self._level.n_clusters
        return name

    def _list_candidates(self, cluster: int) -> tuple[np.ndarray, np.ndarray, Candidates]:
        """Return the items of a cluster, the ids of its best terms, and what these tell.

        A term is worth more where it stands in titles or categories of this very cluster: tape
        stands in many texts, but in the titles of tapes. Behind the terms stand the short titles
        of its best known items, which tell nothing more.
        """
        members = self._level.members(cluster)
        found, information, shares = self._level.rank_terms(cluster, 4 * CANDIDATES)
        counts = _sum(self._index.incidence, members, found)
        emphasis = _sum(self._index.emphasis, members, found) / (TITLE_EMPHASIS * counts)
        worth = self._index.worth[found] * emphasis
        values = information * worth
        best = np.lexsort((found, -values))[:CANDIDATES]
        found, values, shares = found[best], values[best], shares[best]
        worth, counts = worth[best], counts[best]
        terms = [
            Term(
                surface=self._index.surfaces[nth],
                stems=self._index.stems[nth],
                n_items=int(counts[rank]),
                share=float(shares[rank]),
                worth=float(worth[rank]),
                value=float(values[rank]),
            )
            for rank, nth in enumerate(found)
        ]
        known = self._level.best_known(cluster, EXEMPLARS)
        exemplars = read_exemplars(self._titles[known].to_list())
        terms.extend(Term(surface, stems, is_title=True) for surface, stems in exemplars)
        gains = np.zeros((len(terms), len(terms)))
        affinity = np.zeros_like(gains)
        together = self._level.count_together(cluster, found)
        gains[: len(found), : len(found)] = worth * find_gains(together)
        affinity[: len(found), : len(found)] = find_affinity(together)
        return members, found, Candidates(terms, gains, affinity)


def _sum(cells: sp.csr_matrix, rows: np.ndarray, terms: np.ndarray) -> np.ndarray:
    return np.asarray(cells[rows][:, terms].sum(axis=0)).ravel()
