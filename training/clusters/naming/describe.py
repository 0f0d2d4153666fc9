"""Names every cluster in two to six words that no other cluster of its level has, or by example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import polars as pl

from training.clusters.cluster_name import PLACEHOLDER_OPENING, ClusterName
from training.clusters.config import ClusterConfig, DescriptionConfig
from training.clusters.naming.distinction import split_phrase, write_phrase
from training.clusters.naming.drafts import Draft, applies, draft_cluster
from training.clusters.naming.examples import name_by_example
from training.clusters.naming.name_writer import telling_stems
from training.clusters.naming.phrase_choice import Others, choose_phrase, want_phrase
from training.clusters.naming.phrases import Phrase, Term, order_terms, stems_of
from training.clusters.naming.spelling import spell_number
from training.clusters.naming.surroundings import Surroundings
from training.clusters.naming.terms import TermIndex, index_terms
from training.clusters.representation.represent import Representation
from training.clusters.representation.words import read_words
from training.clusters.tree.tree import ClusterTree

EXAMPLES = 40  # of the best known items may serve as one

Names = tuple[tuple[ClusterName, ...], ...]


def describe_tree(
    items: pl.DataFrame,
    tree: ClusterTree,
    representation: Representation,
    config: ClusterConfig,
    kept: Sequence[Mapping[int, ClusterName]] = (),
) -> Names:
    """Return the name of every cluster per level, unique within its level.

    Args:
        items: the table ITEMS, ascending by ``item_id`` as in the tree.
        tree: the clusters to name.
        representation: what was clustered.
        config: number of words, and what a word without people in common is worth.
        kept: per level, the clusters that have their name already; none when empty.
    """
    floor = config.representation.word_floor
    index = index_terms(read_words(items), representation.collaborative, floor, config.description)
    # A name speaks for what people meet in the cluster, but not for its one best seller alone.
    masses = np.sqrt(1 + representation.traffic)
    families = np.zeros(items.height, dtype=np.int64)
    described = []
    for nth, labels in enumerate(tree.labels):
        level = Surroundings(index.incidence, labels, families, masses)
        namer = _Namer(index, level, items["title"], masses, kept[nth] if kept else {})
        described.append(namer.name_all(config.description))
        families = labels
    return tuple(described)


class _Namer:
    """Names the clusters of one level, one after another, each unlike all others."""

    def __init__(
        self,
        index: TermIndex,
        level: Surroundings,
        titles: pl.Series,
        masses: np.ndarray,
        kept: Mapping[int, ClusterName],
    ) -> None:
        self._index = index
        self._level = level
        self._titles = titles
        self._masses = masses
        self._kept = kept

    def name_all(self, config: DescriptionConfig) -> tuple[ClusterName, ...]:
        """Return for each cluster the name that it has already, or the best that is not taken."""
        named = {cluster: telling_stems(name.text) for cluster, name in self._kept.items()}
        unnamed = [n for n in range(self._level.n_clusters) if n not in self._kept]
        drafts = {n: self._draft(n, config) for n in unnamed}
        themes = {n: want_phrase(draft.candidates, config) for n, draft in drafts.items()}
        wanted = {n: stems_of(theme) for n, theme in themes.items()}
        names = dict(self._kept)
        taken = {name.text for name in names.values()}
        for cluster, draft in drafts.items():
            del wanted[cluster]
            others = Others(
                list(named.values()),
                list(wanted.values()),
                partial(self._tell_apart, cluster, draft, {**named, **wanted}),
                partial(self._is_taken, draft, taken),
            )
            phrase = choose_phrase(draft.candidates, others, config)
            if phrase is None or not applies(phrase, draft, self._index, self._masses):
                names[cluster] = self._name_by_example(cluster, taken) or (
                    self._placeholder(cluster) if phrase is None else self._write(phrase, draft, ())
                )
            else:
                names[cluster] = self._write(phrase, draft, themes[cluster])
                named[cluster] = stems_of(phrase)
            taken.add(names[cluster].text)
        return tuple(names[cluster] for cluster in range(self._level.n_clusters))

    def _draft(self, cluster: int, config: DescriptionConfig) -> Draft:
        draft = draft_cluster(cluster, self._index, self._level, self._titles)
        return draft.without_minorities(config)

    def _name_by_example(self, cluster: int, taken: set[str]) -> ClusterName | None:
        known = self._titles[self._level.best_known(cluster, EXAMPLES)]
        text = name_by_example(known.to_list(), taken)
        return None if text is None else ClusterName(text)

    def _is_taken(self, draft: Draft, taken: set[str], phrase: Phrase) -> bool:
        return write_phrase(self._order(phrase, draft)) in taken

    def _write(self, phrase: Phrase, draft: Draft, theme: Phrase) -> ClusterName:
        ordered = self._order(phrase, draft)
        positions = np.zeros((len(draft.members), len(ordered)), dtype=np.int64)
        listed = [nth for nth, term in enumerate(ordered) if not term.is_title]
        positions[:, listed] = self._title_positions([ordered[nth] for nth in listed], draft)
        return split_phrase(ordered, theme, positions)

    def _order(self, phrase: Phrase, draft: Draft) -> Phrase:
        listed = tuple(term for term in phrase if not term.is_title)
        ordered = order_terms(listed, self._title_positions(listed, draft))
        return (*ordered, *(term for term in phrase if term.is_title))

    def _title_positions(self, terms: Sequence[Term], draft: Draft) -> np.ndarray:
        """Return where terms stand in the titles of the cluster's items, ``[n_items, n_terms]``."""
        columns = [draft.column_of(term) for term in terms]
        positions: np.ndarray = self._index.positions[draft.members][:, columns].toarray()
        return positions

    def _tell_apart(
        self,
        cluster: int,
        draft: Draft,
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

    def _placeholder(self, cluster: int) -> ClusterName:
        number = cluster + 1
        taken = {name.text for name in self._kept.values()}
        while (text := f"{PLACEHOLDER_OPENING}{spell_number(number)}") in taken:
            number += self._level.n_clusters
        return ClusterName(text)
