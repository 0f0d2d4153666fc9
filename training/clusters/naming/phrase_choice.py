"""Chooses the phrase of one cluster: its most telling terms, no word twice, like no other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from training.clusters.config import DescriptionConfig
from training.clusters.naming.phrase_growth import fits, grow_phrase, lengthen, weigh_cohesion
from training.clusters.naming.phrases import DECADE, CandidateTerms, Phrase, Term, stems_of

# How many of 64 names change with each of these: docs/research/clusters.md#what-hangs-on-the-rules.
TELLING_SHARE = 0.15
"""Of a cluster's items have a term, or it names a curiosity in it. At .18 NPMI rises on Office and
falls on MovieLens, and names say less (docs/research/experiments.md#clusters)."""
DECADE_SHARE = 0.35  # of a cluster's items must be of a decade: it speaks for all of them
LABEL_SHARE = 0.25
"""Of a cluster's items have a label, such as a genre, that names it: the others are something else,
while a word that titles lack may still be true of them."""
MIXED_SHARE = 1 / 3
"""Where the labels that would name a cluster have less on the mean, most of it is none of them."""
COMMON_SHARE = 0.4
"""Of a mixed cluster's items have a label that names it. What misled without these three, and what
does with them: docs/research/clusters.md#names."""
CURIOUS_SHARE = 0.02  # a curiosity may tell two like clusters apart if it is a phrase
RARE_SHARE = 0.03  # before it is told apart by the title of one item
TELLING_ITEMS = 3  # have a term, unless it is worth so much that two will do
CERTAIN_WORTH = 0.8
"""From here two items that have a term will do."""
TELLING_WORTH = 0.4
"""Below it a term tells of anything, unless it is striking."""
STRIKING_VALUE = 0.2
"""Of the best term's: so striking a term tells even if it is worth less, as *tape* and *file* do on
Office (NPMI .362 to .377, docs/research/experiments.md#clusters)."""
STRIKING_WORTH = 0.27
"""That little a striking term may be worth."""
ENOUGH = 0.06  # a term that adds less than this part of the first one adds nothing


@dataclass(frozen=True)
class Others:
    """The other clusters of a level, as the phrase of one must differ from them.

    Attributes:
        taken: the stems of the phrases that others have.
        wanted: the stems of those that others, not named yet, would have if they were alone.
        tell_apart: returns what each candidate tells about the cluster beside those others whose
            phrase has all terms of a theme, weighed by its worth, ``[c]``; zeros without any.
        is_written: says whether another is written just as a phrase would be.
    """

    taken: Sequence[frozenset[str]]
    wanted: Sequence[frozenset[str]]
    tell_apart: Callable[[Phrase], np.ndarray]
    is_written: Callable[[Phrase], bool]


def leave_minorities(candidates: CandidateTerms, config: DescriptionConfig) -> CandidateTerms:
    """Return the candidates, without labels that are true of few.

    What sets a mixed cluster apart is often what a few of its items are, and a reader takes it for
    what the cluster is. It is better called by what many are, or by example.
    """
    labels = [term for term in want_phrase(candidates, config) if _is_kind(term)]
    is_mixed = sum(term.share for term in labels) < MIXED_SHARE * len(labels)
    least = COMMON_SHARE if is_mixed else LABEL_SHARE
    return candidates.without(lambda term: _is_kind(term) and term.share < least)


def want_phrase(candidates: CandidateTerms, config: DescriptionConfig) -> Phrase:
    """Return the best phrase for a cluster that need not differ from any other; may be short."""
    pool = next(_pools(candidates.terms))
    chosen = grow_phrase([], candidates, pool, config.words, ENOUGH, config)
    return tuple(candidates.terms[nth] for nth in chosen)


def choose_phrase(
    candidates: CandidateTerms, others: Others, config: DescriptionConfig
) -> Phrase | None:
    """Return the best phrase that no other has, or ``None`` if the candidates make none.

    A phrase of which another is a part is avoided, and so is one that another cluster still to be
    named would have, or would have to go beyond: first by a difference added to the theme, while
    telling terms give a choice. Where they do not, the theme counts for more.

    Args:
        candidates: what the phrase may be made of.
        others: what it must differ from.
        config: how many words a phrase has.
    """
    # From terms that say most to those that hardly say anything: a poorer pool is opened only where
    # the one before gives no phrase that nobody has.
    for pool in _pools(candidates.terms):
        wanted = grow_phrase([], candidates, pool, config.words, ENOUGH, config)
        for proposals in (
            _keep_theme(wanted, candidates, pool, others, config),
            _give_up_theme(wanted, candidates, pool, others, config),
        ):
            spare: Phrase | None = None
            for chosen in proposals:
                phrase = tuple(candidates.terms[nth] for nth in chosen)
                stems = stems_of(phrase)
                n_words = sum(term.n_words for term in phrase)
                if n_words < config.min_words or stems in others.taken or others.is_written(phrase):
                    continue
                told_apart = any(term.is_title for term in phrase)
                # A part of another's phrase is unique, yet readers take one for the other.
                if told_apart or not _is_near(stems, others):
                    return phrase
                spare = spare or phrase
            if spare:
                return spare
    return None


def _is_near(stems: frozenset[str], others: Others) -> bool:
    return any(stems < other or stems > other for other in others.taken) or any(
        stems <= other for other in others.wanted
    )


def _pools(terms: Sequence[Term]) -> Iterator[list[int]]:
    """Yield the terms to choose from: those that tell, curiosities too, rare ones, titles, all."""
    best = max((term.value for term in terms), default=0.0)
    telling = [nth for nth, term in enumerate(terms) if _is_telling(term, best)]
    yield telling
    curious = [nth for nth, term in enumerate(terms) if _is_curious(term) and nth not in telling]
    yield telling + curious
    rare = [nth for nth, term in enumerate(terms) if _is_rare(term)]
    yield telling + curious + [nth for nth in rare if nth not in telling and nth not in curious]
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
    return len(term.stems) > 1 and term.share >= CURIOUS_SHARE and _is_supported(term)


def _is_rare(term: Term) -> bool:
    return not DECADE.match(term.surface) and term.share >= RARE_SHARE and _is_supported(term)


def _is_kind(term: Term) -> bool:
    """Say whether a term is a label that says what an item is; a decade says when."""
    return term.is_label and not DECADE.match(term.surface)


def _is_supported(term: Term) -> bool:
    return term.n_items >= TELLING_ITEMS and term.worth >= TELLING_WORTH


def _keep_theme(
    wanted: list[int],
    candidates: CandidateTerms,
    pool: Sequence[int],
    others: Others,
    config: DescriptionConfig,
) -> Iterator[list[int]]:
    """Yield what is wanted as it is, then with each term that tells it from others like it."""
    yield wanted
    yield from _differ(wanted, candidates, pool, others, config)


def _give_up_theme(
    wanted: list[int],
    candidates: CandidateTerms,
    pool: Sequence[int],
    others: Others,
    config: DescriptionConfig,
) -> Iterator[list[int]]:
    """Yield less of the theme with a difference, more terms, others for some, then any pair."""
    for theme in _shed(wanted, candidates, [*others.taken, *others.wanted]):
        if theme and theme != wanted:
            yield from _differ(theme, candidates, pool, others, config)
    for n_words in range(len(wanted) + 1, config.max_words + 1):
        yield grow_phrase(wanted, candidates, pool, n_words, 0.0, config)
    for kept in _shed(wanted, candidates, others.taken):
        for nth in pool:
            enough = -np.inf if candidates.terms[nth].is_title else 0.0  # it tells nothing more
            yield grow_phrase(kept, candidates, [nth], config.max_words, enough, config)
    # The last resort is quadratic, so of the best twenty only: 190 phrases, and one is free.
    for pair in combinations(pool[:20], 2):
        yield grow_phrase([], candidates, pair, config.max_words, 0.0, config)


def _differ(
    theme: Sequence[int],
    candidates: CandidateTerms,
    pool: Sequence[int],
    others: Others,
    config: DescriptionConfig,
) -> Iterator[list[int]]:
    """Yield a theme, each time with one term that tells it from the others of that theme."""
    if not theme:
        return
    terms = candidates.terms
    chosen = tuple(terms[nth] for nth in theme)
    told = others.tell_apart(chosen) * weigh_cohesion(candidates, theme)
    telling = [nth for nth in pool if told[nth] > 0]
    for nth in sorted(telling, key=lambda nth: (-told[nth], nth)):
        if fits(terms[nth], chosen, config.max_words):
            yield [*theme, lengthen(nth, theme, candidates, config.max_words)]


def _shed(
    wanted: Sequence[int], candidates: CandidateTerms, names: Sequence[frozenset[str]]
) -> Iterator[list[int]]:
    """Yield ever fewer terms: the one that most ``names`` have goes first, what is narrow stays."""
    uses = {
        nth: sum(stems.issuperset(candidates.terms[nth].stems) for stems in names) for nth in wanted
    }
    by_use = sorted(wanted, key=lambda nth: uses[nth])
    for n_kept in range(len(wanted), -1, -1):
        yield [nth for nth in wanted if nth in by_use[:n_kept]]
