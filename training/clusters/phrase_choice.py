"""Chooses the phrase of one cluster: its most telling terms, no word twice, like no other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

import numpy as np

from training.clusters.config import DescriptionConfig
from training.clusters.phrase_growth import grow_phrase
from training.clusters.phrases import DECADE, Candidates, Phrase, Term, stems_of

TELLING_SHARE = 0.15  # of a cluster's items have a term, or it names a curiosity in it
DECADE_SHARE = 0.35  # of a cluster's items must be of a decade: it speaks for all of them
CURIOUS_SHARE = 0.02  # a curiosity may tell two like clusters apart if it is a phrase
TELLING_ITEMS = 3  # have a term, unless it is worth so much that two will do
CERTAIN_WORTH = 0.8
TELLING_WORTH = 0.4
STRIKING_VALUE = 0.2  # of the best term's: so striking a term tells even if it is worth less
STRIKING_WORTH = 0.27
ENOUGH = 0.06  # a term that adds less than this part of the first one adds nothing


def choose_phrase(
    candidates: Candidates, taken: Iterable[frozenset[str]], config: DescriptionConfig
) -> Phrase | None:
    """Return the best phrase unlike all ``taken``, or ``None`` if the candidates make none.

    A phrase of which another is a part is avoided while telling terms give a choice.

    Args:
        candidates: what the phrase may be made of.
        taken: the stems of the phrases that others of the level have.
        config: how many words a phrase has.
    """
    others = list(taken)
    for pool in _pools(candidates.terms):
        spare: Phrase | None = None
        for chosen in _propose(candidates, pool, others, config):
            phrase = tuple(candidates.terms[nth] for nth in chosen)
            stems = stems_of(phrase)
            if sum(term.n_words for term in phrase) < config.min_words or stems in others:
                continue
            told_apart = any(term.is_title for term in phrase)
            if told_apart or not any(stems < other or stems > other for other in others):
                return phrase
            spare = spare or phrase
        if spare:
            return spare
    return None


def _pools(terms: Sequence[Term]) -> Iterator[list[int]]:
    """Yield the terms to choose from: those that tell, curiosities too, titles too, all."""
    best = max((term.value for term in terms), default=0.0)
    telling = [nth for nth, term in enumerate(terms) if _is_telling(term, best)]
    yield telling
    curious = [nth for nth, term in enumerate(terms) if _is_curious(term) and nth not in telling]
    yield telling + curious
    yield telling + [nth for nth, term in enumerate(terms) if term.is_title]
    yield list(range(len(terms)))


def _is_telling(term: Term, best: float) -> bool:
    if DECADE.match(term.surface) and term.share < DECADE_SHARE:
        return False
    certain = term.n_items >= TELLING_ITEMS or term.worth >= CERTAIN_WORTH
    is_striking = term.value >= STRIKING_VALUE * best and term.worth >= STRIKING_WORTH
    return certain and term.share >= TELLING_SHARE and (term.worth >= TELLING_WORTH or is_striking)


def _is_curious(term: Term) -> bool:
    """Say whether a term, if rare, is a phrase that several items share."""
    return (
        len(term.stems) > 1
        and term.n_items >= TELLING_ITEMS
        and term.share >= CURIOUS_SHARE
        and term.worth >= TELLING_WORTH
    )


def _propose(
    candidates: Candidates,
    pool: Sequence[int],
    taken: Sequence[frozenset[str]],
    config: DescriptionConfig,
) -> Iterator[list[int]]:
    """Yield choices from best to worst: as wanted, longer, other words for some, then any pair.

    The words that most other names have go first: what is narrow stays.
    """
    wanted = grow_phrase([], candidates, pool, config.words, ENOUGH, config)
    yield wanted
    for n_words in range(len(wanted) + 1, config.max_words + 1):
        yield grow_phrase(wanted, candidates, pool, n_words, 0.0, config)
    uses = {
        nth: sum(stems.issuperset(candidates.terms[nth].stems) for stems in taken) for nth in wanted
    }
    by_use = sorted(wanted, key=lambda nth: uses[nth])
    for n_kept in range(len(wanted), -1, -1):
        kept = [nth for nth in wanted if nth in by_use[:n_kept]]
        for nth in pool:
            enough = -np.inf if candidates.terms[nth].is_title else 0.0  # it tells nothing more
            yield grow_phrase(kept, candidates, [nth], config.max_words, enough, config)
    for pair in combinations(pool[:20], 2):
        yield grow_phrase([], candidates, pair, config.max_words, 0.0, config)
