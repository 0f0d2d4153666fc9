"""Short titles of a cluster's best known items: they tell it from its like where no word does."""

from __future__ import annotations

from collections.abc import Sequence

import regex

from training.clusters.naming.terms import is_readable
from training.clusters.representation.segmentation import JOINERS, split_words
from training.clusters.representation.words import stem_word, stop_words

MAX_TITLE_WORDS = 3
"""A longer title would leave no word to tell clusters apart by."""
ASIDE = regex.compile(r"\([^)]*\)|\[[^\]]*\]")
NAME_END = regex.compile(r"[:;,.!?|/–—]|\s-\s")
WORD = rf"\p{{L}}[\p{{L}}\p{{M}}{JOINERS}]*"
PLAIN_WORDS = regex.compile(rf"{WORD}(?:[ '’-]{WORD})*")


def read_exemplars(titles: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Return titles short enough to stand in a name, each with the stems of its telling words.

    What stands in brackets or behind a colon is left away; titles with a number or without a
    telling word are passed over.

    >>> read_exemplars(["Star Wars: Episode IV (1977)", "Twelve Monkeys (12 Monkeys) (1995)"])
    [('star wars', ('star', 'war')), ('twelve monkeys', ('monkey',))]
    """
    found: dict[str, tuple[str, ...]] = {}
    for title in titles:
        name = " ".join(NAME_END.split(ASIDE.sub(" ", title).strip())[0].lower().split())
        words = split_words(name)
        telling = [word for word in words if word not in stop_words() and is_readable(word)]
        if PLAIN_WORDS.fullmatch(name) and len(words) <= MAX_TITLE_WORDS and telling:
            found.setdefault(name, tuple(stem_word(word) for word in telling))
    return list(found.items())
