"""A small catalogue with planted topics, whose people stay within a topic most of the time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

START = datetime(2024, 1, 1, tzinfo=UTC)
CUT = START + timedelta(days=80)

TOPICS = {
    "garden": {
        "bonsai care": ["wiring", "juniper", "repotting"],
        "pond keeping": ["koi", "lily", "filter"],
        "rose growing": ["pruning", "thorn", "mulch"],
    },
    "music": {
        "jazz piano": ["voicing", "swing", "ballad"],
        "folk guitar": ["fingerpicking", "capo", "strings"],
        "choir singing": ["soprano", "hymn", "breathing"],
    },
    "kitchen": {
        "bread baking": ["sourdough", "oven", "crust"],
        "coffee brewing": ["espresso", "grinder", "roast"],
        "curry cooking": ["turmeric", "lentil", "masala"],
    },
}


@dataclass(frozen=True)
class TopicWorld:
    """Items and interactions, with the topic that each item was made from (items ascending)."""

    items: pl.DataFrame
    interactions: pl.DataFrame
    topic_of_item: np.ndarray
    names: tuple[str, ...]


def build_topic_world(
    seed: int = 0, items_per_topic: int = 12, n_users: int = 120, events_per_user: int = 12
) -> TopicWorld:
    """Make the world; a user acts in two topics, one step in ten anywhere, over a hundred days."""
    rng = np.random.default_rng(seed)
    leaves = [(group, name, words) for group, by in TOPICS.items() for name, words in by.items()]
    topic_of_item = np.repeat(np.arange(len(leaves)), items_per_topic)
    rows = [_write_item(row, leaves[topic], rng) for row, topic in enumerate(topic_of_item)]
    items = pl.DataFrame(rows, schema=["item_id", "title", "text", "category_path"], orient="row")
    events = []
    for user in range(n_users):
        liked = rng.choice(len(leaves), size=2, replace=False)
        days = np.sort(rng.uniform(0, 100, events_per_user))
        for step, day in enumerate(days):
            topic = liked[step * 2 // events_per_user]
            if rng.random() < 0.1:
                topic = rng.integers(len(leaves))
            item = topic * items_per_topic + min(rng.geometric(0.15), items_per_topic) - 1
            events.append((f"u{user:04}", f"i{item:04}", START + timedelta(days=float(day)), None))
    interactions = pl.DataFrame(
        events,
        schema={
            "user_id": pl.String,
            "item_id": pl.String,
            "timestamp": pl.Datetime("us", "UTC"),
            "feedback": pl.Float32,
        },
        orient="row",
    ).with_columns(is_positive=pl.lit(True))
    return TopicWorld(items, interactions, topic_of_item, tuple(name for _, name, _ in leaves))


def _write_item(
    row: int, leaf: tuple[str, str, list[str]], rng: np.random.Generator
) -> tuple[str, str, str, list[str]]:
    group, name, words = leaf
    first, second = rng.choice(words, size=2, replace=False)
    title = f"{name}: the {first} and the {second} ({1980 + row % 40})"
    return f"i{row:04}", title, f"Durable {second} for every {name} friend, model X{row}B.", [group]
