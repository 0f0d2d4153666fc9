"""Names every cluster in two to six words that no other cluster of its level has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl
import scipy.sparse as sp

from training.clusters.config import ClusterConfig, DescriptionConfig
from training.clusters.naming.evidence import find_affinity, find_gains
from training.clusters.naming.exemplars import read_exemplars
from training.clusters.naming.name_writer import telling_stems
from training.clusters.naming.phrase_choice import Others, choose_phrase, want_phrase
from training.clusters.naming.phrases import Candidates, Phrase, Term, order_terms, stems_of
from training.clusters.naming.spelling import spell_number
from training.clusters.naming.surroundings import Surroundings
from training.clusters.naming.terms import TITLE_EMPHASIS, TermIndex, index_terms
from training.clusters.representation.represent import Representation
from training.clusters.representation.words import read_words
from training.clusters.tree.tree import ClusterTree

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
    index = index_terms(read_words(items), representation.collaborative, floor, config.description)
    # A name speaks for what people meet in the cluster, but not for its one best seller alone.
    masses = np.sqrt(1 + representation.traffic)
    families = np.zeros(items.height, dtype=np.int64)
    described = []
    for nth, labels in enumerate(tree.labels):
        level = Surroundings(index.incidence, labels, families, masses)
        namer = _Namer(index, level, items["title"], kept[nth] if kept else {})
        described.append(namer.name_all(config.description))
        families = labels
    return tuple(described)


@dataclass(frozen=True)
class _Draft:
    """What a cluster may be called: its items, the ids of its best terms, and what these tell."""

    members: np.ndarray
    columns: np.ndarray
    candidates: Candidates


class _Namer:
    """Names the clusters of one level, one after another, each unlike all others."""

    def __init__(
        self, index: TermIndex, level: Surroundings, titles: pl.Series, kept: Mapping[int, str]
    ) -> None:
        self._index = index
        self._level = level
        self._titles = titles
        self._kept = kept

    def name_all(self, config: DescriptionConfig) -> tuple[str, ...]:
        """Return for each cluster the name that it has already, or the best that is not taken."""
        named = {cluster: telling_stems(name) for cluster, name in self._kept.items()}
        unnamed = [n for n in range(self._level.n_clusters) if n not in self._kept]
        drafts = {cluster: self._draft(cluster) for cluster in unnamed}
        wanted = {n: stems_of(want_phrase(draft.candidates, config)) for n, draft in drafts.items()}
        names = dict(self._kept)
        for cluster, draft in drafts.items():
            del wanted[cluster]
            others = Others(
                list(named.values()),
                list(wanted.values()),
                partial(self._tell_apart, cluster, draft, {**named, **wanted}),
            )
            phrase = choose_phrase(draft.candidates, others, config)
            if phrase is None:  # nothing readable sets it apart: better no name than a wrong one
                names[cluster] = self._number(cluster)
                continue
            named[cluster] = stems_of(phrase)
            names[cluster] = self._write(phrase, draft)
        return tuple(names[cluster] for cluster in range(self._level.n_clusters))

    def _write(self, phrase: Phrase, draft: _Draft) -> str:
        listed = tuple(term for term in phrase if not term.is_title)
        chosen = [draft.columns[draft.candidates.terms.index(term)] for term in listed]
        ordered = order_terms(listed, self._index.places[draft.members][:, chosen].toarray())
        titles = [term for term in phrase if term.is_title]
        return " ".join(term.surface for term in (*ordered, *titles))

    def _tell_apart(
        self,
        cluster: int,
        draft: _Draft,
        phrases: Mapping[int, frozenset[str]],
        theme: Phrase,
    ) -> np.ndarray:
        told = np.zeros(len(draft.candidates.terms))
        stems = stems_of(theme)
        alike = np.array([other for other, phrase in phrases.items() if stems <= phrase])
        if len(alike):
            worth = np.array([term.worth for term in draft.candidates.terms[: len(draft.columns)]])
            information = self._level.tell_apart(cluster, alike, draft.columns)
            told[: len(draft.columns)] = worth * information
        return told

    def _number(self, cluster: int) -> str:
        number = cluster + 1
        while (name := f"unnamed interest {spell_number(number)}") in self._kept.values():
            number += self._level.n_clusters
        return name

    def _draft(self, cluster: int) -> _Draft:
        """Gather what may name a cluster.

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
        narrower = np.zeros(gains.shape, dtype=bool)
        pairs = self._level.sum_pairs(cluster, found)
        together = self._level.count_together(pairs)
        gains[: len(found), : len(found)] = worth * find_gains(together)
        affinity[: len(found), : len(found)] = find_affinity(together)
        narrower[: len(found), : len(found)] = self._level.find_narrower(pairs)
        return _Draft(members, found, Candidates(terms, gains, affinity, narrower))


def _sum(cells: sp.csr_matrix, rows: np.ndarray, terms: np.ndarray) -> np.ndarray:
    return np.asarray(cells[rows][:, terms].sum(axis=0)).ravel()
