"""What a language model is told about a cluster, and which of its answers may be a description."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import regex

from expectations.contracts.values import MAX_DESCRIPTION
from training.clusters.config import DescriptionConfig
from training.clusters.naming.terms import CRUDE
from training.clusters.representation.segmentation import JOINERS, split_words
from training.clusters.representation.words import stem_word, stop_words

INSTRUCTION = (
    "You name groups of items that the same people like. Answer with one name of two to six words, "
    "in lower case, that says what the items have in common. No sentence, no punctuation, no list, "
    "nothing else. The name must differ from those of the other groups."
)
THOUGHT = regex.compile(r"<think>.*?(</think>|\Z)", regex.DOTALL)
FRAME = " \t\"'`*_#.,:;-–—“”‘’«»"
LABEL = regex.compile(r"^(name|answer|description)\s*:\s*", regex.IGNORECASE)
WORD = rf"[\p{{L}}\p{{N}}][\p{{L}}\p{{M}}\p{{N}}{JOINERS}]*"
PLAIN = regex.compile(rf"^{WORD}(?:[ '’&-]{WORD})*$")


@dataclass(frozen=True)
class Brief:
    """What is told of one cluster: its keywords, its best known items, what others are called."""

    keywords: str
    titles: Sequence[str]
    others: Sequence[str]

    def render(self) -> str:
        """Return the brief as text, one fact a line."""
        lines = ["Items, the best known first:", *(f"- {title}" for title in self.titles)]
        if self.others:
            lines.append(f"Other groups: {'; '.join(self.others)}")
        return "\n".join([*lines, f"Keywords of this group: {self.keywords}"])


class NameWriter(Protocol):
    """Anything that answers a brief with text."""

    def answer(self, brief: Brief) -> str:
        """Return the answer as the model gave it.

        Raises:
            NoAnswer: there is none for this brief.
            UserError: there will be none for any.
        """


class NoAnswer(Exception):
    """A model gave no answer to one brief; the message says why."""


@dataclass(frozen=True)
class Refusal:
    """Why an answer may not be a description: one of a few words that can be counted."""

    reason: str


def check_answer(answer: str, taken: Sequence[str], config: DescriptionConfig) -> str | Refusal:
    """Return the description in an answer, or why there is none.

    The first line counts, without quotes, bullets and full stops around it.

    Args:
        answer: what the model wrote.
        taken: the descriptions that others of the level have or may fall back on.
        config: how many words a description has.
    """
    lines = [line.strip() for line in THOUGHT.sub("", answer).splitlines()]
    first = next((line for line in lines if line), "")
    name = " ".join(LABEL.sub("", first.strip(FRAME)).strip(FRAME).lower().split())
    name = name.replace(" & ", " and ")
    words = split_words(name)
    if not name:
        return Refusal("empty")
    if not PLAIN.match(name) or CRUDE.search(name):
        return Refusal("unreadable")
    has_room = len(name) <= MAX_DESCRIPTION and len(words) <= config.max_words
    if len(words) < config.min_words or not has_room:
        return Refusal("length")
    stems = telling_stems(name)
    if not stems or len(stems) < sum(word not in stop_words() for word in words):
        return Refusal("repetition")
    if stems in [telling_stems(other) for other in taken]:
        return Refusal("duplicate")
    return name


def telling_stems(name: str) -> frozenset[str]:
    """Return the stems of a description's words, stop words left out: what makes it different."""
    return frozenset(stem_word(word) for word in split_words(name) if word not in stop_words())
