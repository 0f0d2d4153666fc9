"""Puts the phrase of one cluster together: its most telling terms, no word twice, like no other."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, takewhile

import numpy as np

from training.clusters.config import DescriptionConfig

LONGER_SHARE = (0.35, 0.5)  # of a word's, a pair's items: a longer phrase stands for it from here
TORN_SHARE = 0.8  # of a word's items: from here it is a piece of the longer phrase, not a word
TELLING_SHARE = 0.15  # of a cluster's items have a term, or it names a curiosity in it
DECADE_SHARE = 0.35  # of a cluster's items must be of a decade: it speaks for all of them
CURIOUS_SHARE = 0.02  # a curiosity may tell two like clusters apart if it is a phrase
TELLING_ITEMS = 3  # have a term, unless it is worth so much that two will do
CERTAIN_WORTH = 0.8
TELLING_WORTH = 0.4
STRIKING_VALUE = 0.2  # of the best term's: so striking a term tells even if it is worth less
STRIKING_WORTH = 0.27
ENOUGH = 0.06  # a term that adds less than this part of the first one adds nothing
ALIKE_LETTERS, ALIKE_SHARE = 5, 0.58
COMPANY = 8.0  # how much rather a name says one thing well than two things
DECADE = re.compile(r"^\d{3}0s$")

Phrase = tuple["Term", ...]


@dataclass(frozen=True)
class Term:
    """A candidate for a phrase.

    Attributes:
        surface: how it is written, one to three words.
        stems: the stem of each word.
        n_items: how many items of the cluster have it.
        share: share of the cluster's items that have it, by their weight.
        worth: what the crowd and the place where it stands here make of it.
        value: what it tells about the cluster by itself, weighed by ``worth``.
        is_title: it is the title of one item, for want of a better name.
    """

    surface: str
    stems: tuple[str, ...]
    n_items: int = 1
    share: float = 0.0
    worth: float = 1.0
    value: float = 0.0
    is_title: bool = False

    @property
    def n_words(self) -> int:
        """How many words it is written with."""
        return len(self.surface.split())


@dataclass(frozen=True)
class Candidates:
    """The terms that may name one cluster, best first.

    Attributes:
        terms: ``c`` terms.
        gains: what each (column) adds to each other one (row), weighed likewise, ``[c, c]``.
        affinity: how much two of them keep company, -1 to 1, ``[c, c]``.
    """

    terms: Sequence[Term]
    gains: np.ndarray
    affinity: np.ndarray


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


def stems_of(phrase: Iterable[Term]) -> frozenset[str]:
    """Return the stems of all words of a phrase: what makes it different from others."""
    return frozenset(stem for term in phrase for stem in term.stems)


def are_alike(stem: str, other: str) -> bool:
    """Say whether two stems are too near for one phrase: equal, grown of one root, or decades.

    >>> are_alike("stapler", "stapling"), are_alike("note", "notebook"), are_alike("1980s", "1990s")
    (True, False, True)
    >>> are_alike("low-odor", "odor"), are_alike("noodler's", "noodlers")
    (True, True)
    """
    if DECADE.match(stem) and DECADE.match(other):
        return True
    if stem in re.split(r"[-'’]", other) or other in re.split(r"[-'’]", stem):
        return True
    shorter, other_ = sorted((stem, other), key=len)
    if len(shorter) >= ALIKE_LETTERS and other_.startswith(shorter):
        return True
    same = (a == b for a, b in zip(stem, other, strict=False))
    shared = sum(1 for _ in takewhile(bool, same))
    longer = max(len(stem), len(other))
    return stem == other or (shared >= ALIKE_LETTERS and shared >= ALIKE_SHARE * longer)


def order_terms(phrase: Phrase, places: np.ndarray) -> Phrase:
    """Return the terms in the order in which titles have them; else as they were chosen.

    A decade goes to the end unless it was chosen first.

    Args:
        phrase: the terms, the most telling first.
        places: where each stands in the title of each item of the cluster, 0 where it does not,
            ``[n_items, n_terms]``.
    """
    both = (places[:, :, None] > 0) & (places[:, None, :] > 0)
    before = (both & (places[:, :, None] < places[:, None, :])).sum(axis=0)  # [a, b]: a before b
    wins = np.sign(before - before.T).sum(axis=1)
    is_late = [nth > 0 and bool(DECADE.match(term.surface)) for nth, term in enumerate(phrase)]
    order = sorted(range(len(phrase)), key=lambda nth: (is_late[nth], -wins[nth], nth))
    return tuple(phrase[nth] for nth in order)


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
    wanted = _grow([], candidates, pool, config.words, ENOUGH, config)
    yield wanted
    for n_words in range(len(wanted) + 1, config.max_words + 1):
        yield _grow(wanted, candidates, pool, n_words, 0.0, config)
    uses = {
        nth: sum(stems.issuperset(candidates.terms[nth].stems) for stems in taken) for nth in wanted
    }
    by_use = sorted(wanted, key=lambda nth: uses[nth])
    for n_kept in range(len(wanted), -1, -1):
        kept = [nth for nth in wanted if nth in by_use[:n_kept]]
        for nth in pool:
            enough = -np.inf if candidates.terms[nth].is_title else 0.0  # it tells nothing more
            yield _grow(kept, candidates, [nth], config.max_words, enough, config)
    for pair in combinations(pool[:20], 2):
        yield _grow([], candidates, pair, config.max_words, 0.0, config)


def _grow(
    start: Sequence[int],
    candidates: Candidates,
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
            if _fits(terms[nth], others, config.max_words)
            and not _is_torn(terms[nth], terms, others, config.max_words)
        ]
        if not fitting:
            break
        best = max(fitting, key=lambda nth: (gains[nth], -nth))
        first = values[chosen[0]] if chosen else 0.0
        if chosen and count >= config.min_words and gains[best] <= enough * first:
            break
        best = _lengthen(best, chosen, candidates, config.max_words)
        chosen.append(best)
        count += terms[best].n_words
    return chosen


def _find_gains(candidates: Candidates, chosen: Sequence[int]) -> np.ndarray:
    """Return what each term adds to the chosen ones, more where it keeps company with them."""
    new: np.ndarray = candidates.gains[list(chosen)].min(axis=0)
    company = 1 + candidates.affinity[list(chosen)].mean(axis=0)
    gains: np.ndarray = new * company**COMPANY
    return gains


def _fits(term: Term, chosen: Sequence[Term], max_words: int) -> bool:
    stems = [stem for other in chosen for stem in other.stems]
    if sum(other.n_words for other in chosen) + term.n_words > max_words:
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
    return bool(longer) and not any(_fits(other, chosen, max_words) for other in longer)


def _lengthen(best: int, chosen: Sequence[int], candidates: Candidates, max_words: int) -> int:
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
            and _fits(term, others, max_words)
        ]
        if not longer:
            break
        best = max(longer, key=lambda nth: (terms[nth].value, -nth))
    return best
