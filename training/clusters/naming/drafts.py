"""Gathers what each cluster of a level may be called, from the terms of its items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy.sparse as sp

from training.clusters.config import DescriptionConfig
from training.clusters.naming.evidence import find_affinity, find_gains
from training.clusters.naming.exemplars import read_exemplars
from training.clusters.naming.phrase_choice import leave_minorities
from training.clusters.naming.phrases import DECADE, CandidateTerms, Term, stems_of
from training.clusters.naming.surroundings import Surroundings
from training.clusters.naming.terms import TITLE_EMPHASIS, TermIndex

# How many of 64 names change with each of these: docs/research/clusters.md#what-hangs-on-the-rules.
CANDIDATES = 80
"""Terms that a name is chosen from: with 64 or 96 every name is the same."""
EXEMPLARS = 10
"""Best known items whose titles may name a cluster that no term does."""
MIN_TOLD_SHARE = 0.03  # of a cluster has a term, or it does not give the cluster its name
MIN_TITLED_SHARE = 0.5  # the same where only titles have it


@dataclass(frozen=True)
class Draft:
    """What a cluster may be called: its items, the ids of its best terms, and what these tell."""

    members: np.ndarray
    columns: np.ndarray
    candidates: CandidateTerms

    def without_minorities(self, config: DescriptionConfig) -> Draft:
        """Return the draft without the labels that would stand for more than they are true of."""
        candidates = leave_minorities(self.candidates, config)
        listed = [term for term in candidates.terms if not term.is_title]
        columns = np.array([self.column_of(term) for term in listed], dtype=np.int64)
        return Draft(self.members, columns, candidates)

    def column_of(self, term: Term) -> int:
        """Return the id of a listed term; titles have none."""
        return int(self.columns[self.candidates.terms.index(term)])


def draft_cluster(cluster: int, index: TermIndex, level: Surroundings, titles: pl.Series) -> Draft:
    """Gather what may name a cluster.

    A term is worth more where it stands in titles or categories of this very cluster: tape
    stands in many texts, but in the titles of tapes. Behind the terms stand the short titles
    of its best known items, which tell nothing more.
    """
    members = level.members(cluster)
    found, information, shares = level.rank_terms(cluster, 4 * CANDIDATES)
    counts = _sum(index.incidence, members, found)
    emphasis = _sum(index.emphasis, members, found) / (TITLE_EMPHASIS * counts)
    worth = index.worth[found] * emphasis
    values = information * worth
    best = np.lexsort((found, -values))[:CANDIDATES]
    found, values, shares = found[best], values[best], shares[best]
    worth, counts = worth[best], counts[best]
    held = level.share_held(cluster, found)
    terms = [
        Term(
            surface=index.surfaces[nth],
            stems=index.stems[nth],
            n_items=int(counts[rank]),
            share=float(shares[rank]),
            held=float(held[rank]),
            worth=float(worth[rank]),
            value=float(values[rank]),
            is_label=bool(index.is_label[nth]),
        )
        for rank, nth in enumerate(found)
    ]
    known = level.best_known(cluster, EXEMPLARS)
    exemplars = read_exemplars(titles[known].to_list())
    terms.extend(Term(surface, stems, is_title=True) for surface, stems in exemplars)
    gains = np.zeros((len(terms), len(terms)))
    affinity = np.zeros_like(gains)
    narrower = np.zeros(gains.shape, dtype=bool)
    pairs = level.sum_pairs(cluster, found)
    together = level.count_together(pairs)
    gains[: len(found), : len(found)] = worth * find_gains(together)
    affinity[: len(found), : len(found)] = find_affinity(together)
    narrower[: len(found), : len(found)] = level.find_narrower(pairs)
    return Draft(members, found, CandidateTerms(terms, gains, affinity, narrower))


def applies(phrase: Sequence[Term], draft: Draft, index: TermIndex, masses: np.ndarray) -> bool:
    """Say whether the words of a phrase are true of enough of a cluster, by the mass of its items.

    What texts or categories say of a few items may be true of others too. Words of titles alone
    are mostly parts of names, so they must stand in half of the titles. A decade says when and
    not what, and a title belongs to one item: neither counts.
    """
    telling = [term for term in phrase if not term.is_title and not DECADE.match(term.surface)]
    stems = sorted(stems_of(telling).intersection(index.words))
    columns = [*map(draft.column_of, telling), *(index.words[stem] for stem in stems)]
    own = index.incidence[draft.members][:, columns]
    has_one = np.asarray(own.sum(axis=1)).ravel() > 0
    mass = masses[draft.members]
    enough = MIN_TOLD_SHARE if index.is_told[columns].any() else MIN_TITLED_SHARE
    return bool(mass[has_one].sum() >= enough * mass.sum())


def _sum(cells: sp.csr_matrix, rows: np.ndarray, terms: np.ndarray) -> np.ndarray:
    return np.asarray(cells[rows][:, terms].sum(axis=0)).ravel()
