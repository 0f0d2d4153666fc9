"""Words for the items: a readable title and text from templates and the topic's vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import polars as pl

from pipelines.sources.synthetic.catalogue import Topic
from pipelines.sources.synthetic.shelf import Integers

ChoiceT = TypeVar("ChoiceT")

STRAY_SHARE = 0.3
"""Of items whose text mentions a word of some other topic. Part of the frozen world
(docs/research/synthetic-world.md): another value makes another world, to be measured anew."""
WORDS_PER_ITEM = 6
"""Of its topic's vocabulary. Frozen."""
SMALL_WORDS = {"a", "and", "for", "in", "of", "on", "or", "the", "to", "vs", "with"}

TITLES = (
    "{topic}: {a} for beginners",
    "{topic}: {a} and {b}",
    "{a}: a {topic} guide",
    "a year of {topic}: {a}",
    "{topic} explained: {a} vs {b}",
    "five mistakes with {a} in {topic}",
    "{a} and {b} made simple",
    "the quiet art of {a}",
    "{topic} diary: my first {a}",
    "better {a} in thirty days",
    "{a}, {b} and the {g}",
    "what nobody tells you about {a}",
)
OPENINGS = (
    "A calm look at {topic}, from {a} to {b}.",
    "Two friends talk about {topic} and why {a} still matters.",
    "For anyone who is new to {topic}: {a}, step by step.",
    "We test {a} and {b} over a whole season of {topic}.",
    "Most guides to {topic} forget {a}; this one starts with it.",
    "An old hand shows how {a} changed everyday {topic}.",
)
MIDDLES = (
    "Along the way: {c}, {d} and plenty of {e}.",
    "You will also see {c} next to {d}.",
    "The part on {c} alone is worth the time, and so is {d}.",
    "Includes notes on {c}, {d} and {e}.",
    "Expect honest words about {c} and a detour to {d}.",
    "Viewers asked for {c}, so there is more of that, with {e}.",
)
ENDINGS = (
    "With {g} at the end.",
    "Bring your own {g}.",
    "Filmed in one take, {g} included.",
    "Part of our series on {g}.",
    "No sponsor, only {g}.",
)
STRAYS = (
    "Fans of {s} will smile once.",
    "There is even a joke about {s}.",
    "Our neighbour came for {s} and stayed.",
)


def write_items(
    topics: Sequence[Topic], topic_of_item: Integers, ids: pl.Series, rng: np.random.Generator
) -> pl.DataFrame:
    """Return the rows of the ``items`` table for these items, in the given order.

    The category path names domain and group only: the leaf topic has to be found.
    """
    rows = [_write(topics[topic], topics, rng) for topic in topic_of_item.tolist()]
    return pl.DataFrame(
        {
            "item_id": ids,
            "title": [title for title, _ in rows],
            "text": [text for _, text in rows],
            "category_path": [
                [topics[topic].domain, topics[topic].group] for topic in topic_of_item.tolist()
            ],
        }
    )


def _write(topic: Topic, topics: Sequence[Topic], rng: np.random.Generator) -> tuple[str, str]:
    size = min(WORDS_PER_ITEM, len(topic.words))
    picked = [topic.words[nth] for nth in rng.permutation(len(topic.words))[:size]]
    a, b, c, d, e = (picked * 2)[:5]
    group_word = _pick(topic.group_words, rng)
    parts = [_pick(OPENINGS, rng), _pick(MIDDLES, rng), _pick(ENDINGS, rng)]
    stray = ""
    if rng.random() < STRAY_SHARE:
        stray = _pick(_pick(topics, rng).words, rng)
        parts.insert(2, _pick(STRAYS, rng))
    words = dict(topic=topic.name, a=a, b=b, c=c, d=d, e=e, g=group_word, s=stray)
    title = _pick(TITLES, rng).format(**words)
    return _capitalise(title), " ".join(parts).format(**words)


def _pick(choices: Sequence[ChoiceT], rng: np.random.Generator) -> ChoiceT:
    return choices[int(rng.integers(len(choices)))]


def _capitalise(title: str) -> str:
    words = title.split(" ")
    return " ".join(
        word if word in SMALL_WORDS and nth else word[:1].upper() + word[1:]
        for nth, word in enumerate(words)
    )
