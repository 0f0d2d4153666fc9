"""Names every cluster in two to six words that no other cluster of its level has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from training.clusters.config import ClusterConfig, DescriptionConfig
from training.clusters.phrases import Term, choose_phrase, prefer_longer, stems_of
from training.clusters.represent import Representation
from training.clusters.spelling import spell_number
from training.clusters.terms import TermIndex, index_terms, score_terms
from training.clusters.tree import ClusterTree
from training.clusters.words import read_words, stem_word

CANDIDATES = 60


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
    masses = 1 + np.log1p(representation.traffic)
    families = np.zeros(items.height, dtype=np.int64)
    described = []
    for level, labels in enumerate(tree.labels):
        named = kept[level] if kept else {}
        described.append(
            _describe_level(index, labels, families, masses, config.description, named)
        )
        families = labels
    return tuple(described)


def _describe_level(
    index: TermIndex,
    labels: np.ndarray,
    families: np.ndarray,
    masses: np.ndarray,
    config: DescriptionConfig,
    named: Mapping[int, str],
) -> tuple[str, ...]:
    n_clusters = int(labels.max()) + 1
    candidates = _list_candidates(score_terms(index, labels, families, masses), n_clusters)
    taken = [frozenset(map(stem_word, name.split())) for name in named.values()]
    phrases = []
    for cluster in range(n_clusters):
        if cluster in named:
            phrases.append(named[cluster])
            continue
        phrase = choose_phrase(candidates[cluster], taken, config)
        if phrase is None:  # nothing readable sets it apart: better no name than a wrong one
            phrases.append(f"unnamed interest {spell_number(cluster + 1)}")
            continue
        taken.append(stems_of(phrase))
        phrases.append(" ".join(term.surface for term in phrase))
    return tuple(phrases)


def _list_candidates(scored: pl.DataFrame, n_clusters: int) -> list[list[Term]]:
    best = scored.group_by("cluster", maintain_order=True).head(CANDIDATES)
    listed: list[list[Term]] = [[] for _ in range(n_clusters)]
    columns = best.select("cluster", "surface", "first", "second", "share", "worth")
    for cluster, surface, first, second, share, worth in columns.iter_rows():
        stems = (first,) if second is None else (first, second)
        listed[cluster].append(Term(surface, stems, share, worth))
    return [prefer_longer(terms) for terms in listed]
