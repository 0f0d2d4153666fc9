"""Names every cluster in two to six words that no other cluster of its level has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from training.clusters.config import DescriptionConfig
from training.clusters.spelling import spell_number
from training.clusters.terms import TermIndex, index_terms, score_terms
from training.clusters.tree import ClusterTree
from training.clusters.words import read_words

PAIR_SHARE = 0.35  # a pair stands for its word when it covers this share of the word's items
CANDIDATES = 60


@dataclass(frozen=True)
class Term:
    """A candidate: how it is written, its stems, its share of the cluster's items, its score."""

    surface: str
    stems: tuple[str, ...]
    share: float
    score: float


def describe_tree(
    items: pl.DataFrame, tree: ClusterTree, masses: np.ndarray, config: DescriptionConfig
) -> tuple[tuple[str, ...], ...]:
    """Return a description per cluster and level, unique within its level.

    Args:
        items: the table ITEMS, ascending by ``item_id`` as in the tree.
        tree: the clusters to name.
        masses: how much each item counts, ``[n_items]``.
        config: the number of words.
    """
    index = index_terms(read_words(items), config)
    families = np.zeros(items.height, dtype=np.int64)
    described = []
    for labels in tree.labels:
        described.append(_describe_level(index, labels, families, masses, config))
        families = labels
    return tuple(described)


def _describe_level(
    index: TermIndex,
    labels: np.ndarray,
    families: np.ndarray,
    masses: np.ndarray,
    config: DescriptionConfig,
) -> tuple[str, ...]:
    n_clusters = int(labels.max()) + 1
    candidates = _list_candidates(score_terms(index, labels, families, masses), n_clusters)
    taken: set[frozenset[str]] = set()
    phrases = []
    for cluster in range(n_clusters):
        phrase = choose_phrase(candidates[cluster], taken, config)
        if phrase is None:
            phrase = (Term(f"unnamed interest {spell_number(cluster + 1)}", (), 0.0, 0.0),)
        taken.add(_stems_of(phrase))
        phrases.append(" ".join(term.surface for term in phrase))
    return tuple(phrases)


def choose_phrase(
    candidates: list[Term], taken: set[frozenset[str]], config: DescriptionConfig
) -> tuple[Term, ...] | None:
    """Return the best terms that together make a phrase nobody has, or ``None`` if there is none.

    Terms are taken by score, a word pair in place of its words where it stands for most of their
    items, no stem twice, up to ``config.words`` words. If another cluster has the same words, a
    further term is added; failing that, later terms replace the last one.
    """
    for start in _prefixes(candidates, config):
        if frozenset(_stems_of(start)) not in taken and _count_words(start) >= config.min_words:
            return start
    return None


def _prefixes(candidates: list[Term], config: DescriptionConfig) -> Iterator[tuple[Term, ...]]:
    """Yield phrases from best to worst: the wanted length, then longer, then with other ends."""
    wanted = _fill((), candidates, config.words)
    yield wanted
    for limit in range(config.words + 1, config.max_words + 1):
        yield _fill((), candidates, limit)
    for kept in range(len(wanted) - 1, -1, -1):
        for other in candidates:
            phrase = _fill(wanted[:kept], [other], config.max_words)
            yield phrase


def _fill(start: tuple[Term, ...], candidates: Iterable[Term], limit: int) -> tuple[Term, ...]:
    phrase = list(start)
    for term in candidates:
        used = {stem for chosen in phrase for stem in chosen.stems}
        if _count_words(phrase) + len(term.stems) <= limit and used.isdisjoint(term.stems):
            phrase.append(term)
    return tuple(phrase)


def _list_candidates(scored: pl.DataFrame, n_clusters: int) -> list[list[Term]]:
    best = scored.group_by("cluster", maintain_order=True).head(CANDIDATES)
    listed: list[list[Term]] = [[] for _ in range(n_clusters)]
    for cluster, surface, first, second, share, score in best.select(
        "cluster", "surface", "first", "second", "share", "score"
    ).iter_rows():
        stems = (first,) if second is None else (first, second)
        listed[cluster].append(Term(surface, stems, share, score))
    return [_prefer_pairs(terms) for terms in listed]


def _prefer_pairs(terms: list[Term]) -> list[Term]:
    """Put the best pair that holds a word before that word, if it covers enough of its items."""
    ordered: list[Term] = []
    for term in terms:
        if term in ordered:
            continue
        if len(term.stems) == 1:
            pairs = (
                other
                for other in terms
                if len(other.stems) == 2
                and term.stems[0] in other.stems
                and other.share >= PAIR_SHARE * term.share
            )
            pair = next(pairs, None)
            if pair is not None and pair not in ordered:
                ordered.append(pair)
        ordered.append(term)
    return ordered


def _stems_of(phrase: Iterable[Term]) -> frozenset[str]:
    return frozenset(stem for term in phrase for stem in term.stems or (term.surface,))


def _count_words(phrase: Iterable[Term]) -> int:
    return sum(len(term.stems) for term in phrase)
