"""Puts the phrase of one cluster together: its best terms, no word twice, like no other phrase."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, takewhile

from training.clusters.config import DescriptionConfig

TRIPLE_SHARE = 0.5  # of the first pair's items have the second pair too
PAIR_SHARE = 0.35  # a pair stands for its word when it covers this share of the word's items
TELLING_SHARE = 0.03  # of a cluster's items have a term, or it names a curiosity in it
TELLING_WORTH = 0.3
ALIKE_LETTERS, ALIKE_SHARE = 5, 0.58
DECADE = re.compile(r"^\d{3}0s$")

Phrase = tuple["Term", ...]


@dataclass(frozen=True)
class Term:
    """A candidate for a phrase.

    Attributes:
        surface: how it is written, one to three words.
        stems: the stem of each word.
        share: share of the cluster's items that have it.
        worth: what the crowd makes of it, 0 to 1.
    """

    surface: str
    stems: tuple[str, ...]
    share: float
    worth: float = 1.0


def choose_phrase(
    candidates: Sequence[Term], taken: Iterable[frozenset[str]], config: DescriptionConfig
) -> Phrase | None:
    """Return the best phrase unlike all ``taken``, or ``None`` if the candidates make none.

    A phrase of which another is a part is avoided while there is a choice.

    Args:
        candidates: best first.
        taken: the stems of the phrases that others of the level have.
        config: how many words a phrase has.
    """
    others = list(taken)
    spare: Phrase | None = None
    for phrase in _propose(candidates, config):
        stems = stems_of(phrase)
        if len(stems) < config.min_words or stems in others:
            continue
        if not any(stems < other or stems > other for other in others):
            return phrase
        spare = spare or phrase
    return spare


def stems_of(phrase: Iterable[Term]) -> frozenset[str]:
    """Return the stems of all words of a phrase: what makes it different from others."""
    return frozenset(stem for term in phrase for stem in term.stems)


def prefer_longer(terms: Sequence[Term]) -> list[Term]:
    """Put a pair that covers enough of a word's items before the word, or a triple, likewise."""
    ordered: list[Term] = []
    for term in terms:
        if len(term.stems) == 1:
            pair = next((other for other in terms if _stands_for(other, term)), None)
            if pair is not None and pair not in ordered:
                ordered.extend([*_extend(pair, terms), pair])
        if term not in ordered:
            ordered.append(term)
    return ordered


def are_alike(stem: str, other: str) -> bool:
    """Say whether two stems are too near for one phrase: equal, grown of one root, or decades.

    >>> are_alike("stapler", "stapling"), are_alike("note", "notebook"), are_alike("1980s", "1990s")
    (True, False, True)
    """
    if DECADE.match(stem) and DECADE.match(other):
        return True
    same = (a == b for a, b in zip(stem, other, strict=False))
    shared = sum(1 for _ in takewhile(bool, same))
    longer = max(len(stem), len(other))
    return stem == other or (shared >= ALIKE_LETTERS and shared >= ALIKE_SHARE * longer)


def _propose(candidates: Sequence[Term], config: DescriptionConfig) -> Iterator[Phrase]:
    """Yield phrases from best to worst: as wanted, longer, with other endings, then rarer terms."""
    telling = [
        term for term in candidates if term.share >= TELLING_SHARE and term.worth >= TELLING_WORTH
    ]
    for pool in (telling, candidates):
        wanted = _fill((), pool, config.words, config)
        yield wanted
        for n_words in range(config.words + 1, config.max_words + 1):
            yield _fill((), pool, n_words, config)
        for n_kept in range(len(wanted) - 1, -1, -1):
            for term in pool:
                yield _fill(wanted[:n_kept], [term], config.max_words, config)
    for pair in combinations(candidates, 2):
        yield _fill((), pair, config.max_words, config)


def _fill(
    start: Phrase, candidates: Iterable[Term], n_words: int, config: DescriptionConfig
) -> Phrase:
    """Add candidates, in their order, that repeat nothing, until there are ``n_words``.

    The last one may go beyond, to ``config.max_words``: half a pair says less than none.
    """
    phrase, stems = list(start), [stem for term in start for stem in term.stems]
    for term in candidates:
        fits = len(stems) < n_words and len(stems) + len(term.stems) <= config.max_words
        if fits and not any(are_alike(new, old) for new in term.stems for old in stems):
            phrase.append(term)
            stems.extend(term.stems)
    return tuple(phrase)


def _extend(pair: Term, terms: Sequence[Term]) -> list[Term]:
    """Return the triple of two pairs that overlap in a word, such as dry erase and erase board."""
    for other in terms:
        if len(other.stems) != 2 or other.share < TRIPLE_SHARE * pair.share:
            continue
        for left, right in ((pair, other), (other, pair)):
            stems = (*left.stems, right.stems[1])
            if left.stems[1] == right.stems[0] and len(set(stems)) == len(stems):
                surface = f"{left.surface} {right.surface.split()[1]}"
                worth = max(left.worth, right.worth)
                return [Term(surface, stems, min(left.share, right.share), worth)]
    return []


def _stands_for(pair: Term, word: Term) -> bool:
    return (
        len(pair.stems) == 2
        and word.stems[0] in pair.stems
        and pair.share >= PAIR_SHARE * word.share
    )
