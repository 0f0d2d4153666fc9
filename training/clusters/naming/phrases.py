"""What the phrase of a cluster is made of, when two words are one too many, and their order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile

import numpy as np

from training.clusters.representation.segmentation import split_words

ALIKE_LETTERS, ALIKE_SHARE = 5, 0.58
"""Letters that two words begin with alike, and their share of the longer one, from which a reader
takes one for the other: *stapler* and *stapling* (.63), not *note* and *notebook*."""
COMPOUND_LETTERS = 16  # from here a word is taken to be two, as Gemüsegartenpflege is
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
        held: share of the items that have it that the cluster holds, by their weight.
        worth: by whose items it marks and how prominently it stands here.
        value: what it tells about the cluster by itself, weighed by ``worth``.
        is_title: it is the title of one item, for want of a better name.
        is_label: categories say it of all that it is true of, and nothing else is said of items.
    """

    surface: str
    stems: tuple[str, ...]
    n_items: int = 1
    share: float = 0.0
    held: float = 0.0
    worth: float = 1.0
    value: float = 0.0
    is_title: bool = False
    is_label: bool = False

    @property
    def n_words(self) -> int:
        """How many words it is written with, blanks or not; a long compound stands for two."""
        return _count_words(self.surface)


@lru_cache(maxsize=100_000)
def _count_words(surface: str) -> int:
    words = split_words(surface)
    return len(words) + sum(len(word) >= COMPOUND_LETTERS for word in words)


@dataclass(frozen=True)
class CandidateTerms:
    """The terms that may name one cluster, best first.

    Attributes:
        terms: ``c`` terms.
        gains: what each (column) adds to each other one (row), weighed likewise, ``[c, c]``.
        affinity: how much two of them occur together, -1 to 1, ``[c, c]``.
        narrower: which (columns) narrow which (rows) down to what it is about, bool ``[c, c]``.
    """

    terms: Sequence[Term]
    gains: np.ndarray
    affinity: np.ndarray
    narrower: np.ndarray

    def without(self, is_left_out: Callable[[Term], bool]) -> CandidateTerms:
        """Return the candidates but some."""
        kept = [nth for nth, term in enumerate(self.terms) if not is_left_out(term)]
        square = np.ix_(kept, kept)
        terms = [self.terms[nth] for nth in kept]
        return CandidateTerms(
            terms, self.gains[square], self.affinity[square], self.narrower[square]
        )


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


def order_terms(phrase: Phrase, positions: np.ndarray) -> Phrase:
    """Return the terms in the order in which titles have them; else as they were chosen.

    A decade goes to the end unless it was chosen first.

    Args:
        phrase: the terms, the most telling first.
        positions: where each stands in the title of each item of the cluster, 0 where it does not,
            ``[n_items, n_terms]``.
    """
    both = (positions[:, :, None] > 0) & (positions[:, None, :] > 0)
    is_before = both & (positions[:, :, None] < positions[:, None, :])
    before = is_before.sum(axis=0)  # [a, b]: a before b
    wins = np.sign(before - before.T).sum(axis=1)
    is_late = [nth > 0 and bool(DECADE.match(term.surface)) for nth, term in enumerate(phrase)]
    order = sorted(range(len(phrase)), key=lambda nth: (is_late[nth], -wins[nth], nth))
    return tuple(phrase[nth] for nth in order)
