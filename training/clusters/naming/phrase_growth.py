"""Grows a phrase term by term: each adds most beside those before it, and fits to them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from expectations.contracts.values import MAX_DESCRIPTION
from training.clusters.config import DescriptionConfig
from training.clusters.naming.phrases import CandidateTerms, Term, are_alike

LONGER_SHARE = (0.35, 0.5)  # of a word's, a pair's items: a longer phrase stands for it from here
TORN_SHARE = 0.8  # of a word's items: from here it is a piece of the longer phrase, not a word
COHESION_POWER = 8.0
"""How much rather a name says one thing well than two things. NPMI on Office .327 to the third
power, .362 to the eighth, no better to the tenth (docs/research/experiments.md#clusters)."""


def grow_phrase(
    start: Sequence[int],
    candidates: CandidateTerms,
    pool: Sequence[int],
    n_words: int,
    enough: float,
    config: DescriptionConfig,
) -> list[int]:
    """Add the term that tells most beside the others until there are ``n_words``.

    The last one may go beyond, to ``config.max_words``: half a phrase says less than none.
    """
    chosen = list(start)
    terms = candidates.terms
    values = np.array([term.value for term in terms])
    count = sum(terms[nth].n_words for nth in chosen)
    while count < n_words:
        gains = _find_gains(candidates, chosen) if chosen else values
        others = [terms[nth] for nth in chosen]
        fitting = [
            nth
            for nth in pool
            if fits(terms[nth], others, config.max_words)
            and not _is_torn(terms[nth], terms, others, config.max_words)
        ]
        if not fitting:
            break
        best = max(fitting, key=lambda nth: (gains[nth], -nth))
        first = values[chosen[0]] if chosen else 0.0
        if chosen and count >= config.min_words and gains[best] <= enough * first:
            break
        # Chosen by what it tells, then put as exactly as the same items allow.
        best = _narrow(best, chosen, pool, candidates, config.max_words)
        best = lengthen(best, chosen, candidates, config.max_words)
        chosen.append(best)
        count += terms[best].n_words
    return chosen


def _find_gains(candidates: CandidateTerms, chosen: Sequence[int]) -> np.ndarray:
    """Return what each term adds to the chosen ones, more where it occurs beside them."""
    new: np.ndarray = candidates.gains[list(chosen)].min(axis=0)
    gains: np.ndarray = new * weigh_cohesion(candidates, chosen)
    return gains


def weigh_cohesion(candidates: CandidateTerms, chosen: Sequence[int]) -> np.ndarray:
    """Return the weight of each term: the more, the oftener it occurs beside the chosen ones."""
    cohesion = 1 + candidates.affinity[list(chosen)].mean(axis=0)
    weight: np.ndarray = cohesion**COHESION_POWER
    return weight


def fits(term: Term, chosen: Sequence[Term], max_words: int) -> bool:
    """Say whether there is room for a term, and no word of it is like one that stands there."""
    stems = [stem for other in chosen for stem in other.stems]
    if sum(other.n_words for other in chosen) + term.n_words > max_words:
        return False
    if len(" ".join([*(other.surface for other in chosen), term.surface])) > MAX_DESCRIPTION:
        return False
    return not any(are_alike(new, old) for new in term.stems for old in stems)


def _is_torn(term: Term, terms: Sequence[Term], chosen: Sequence[Term], max_words: int) -> bool:
    """Say whether a word is but a piece of a phrase that does not fit, as *lord* of the rings."""
    longer = [
        other
        for other in terms
        if len(term.stems) == 1
        and len(other.stems) == 2
        and term.stems[0] in other.stems
        and other.share >= TORN_SHARE * term.share
    ]
    return bool(longer) and not any(fits(other, chosen, max_words) for other in longer)


def _narrow(
    best: int,
    chosen: Sequence[int],
    pool: Sequence[int],
    candidates: CandidateTerms,
    max_words: int,
) -> int:
    """Return the term that says the same of the cluster and less of others: roses, not gardens."""
    terms = candidates.terms
    others = [terms[nth] for nth in chosen]
    while True:
        narrower = [
            nth
            for nth in pool
            if candidates.narrower[best, nth] and fits(terms[nth], others, max_words)
        ]
        if not narrower:
            return best
        best = max(narrower, key=lambda nth: (terms[nth].value, -nth))


def lengthen(best: int, chosen: Sequence[int], candidates: CandidateTerms, max_words: int) -> int:
    """Return the longest phrase around a word that most of its items have, such as dry erase."""
    terms = candidates.terms
    others = [terms[nth] for nth in chosen]
    for share in LONGER_SHARE[len(terms[best].stems) - 1 :]:
        longer = [
            nth
            for nth, term in enumerate(terms)
            if len(term.stems) == len(terms[best].stems) + 1
            and set(terms[best].stems) < set(term.stems)
            and term.share >= share * terms[best].share
            and fits(term, others, max_words)
        ]
        if not longer:
            break
        best = max(longer, key=lambda nth: (terms[nth].value, -nth))
    return best
