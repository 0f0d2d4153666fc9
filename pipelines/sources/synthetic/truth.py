"""The truth a synthetic world was made from, kept where only tests and the experiment look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from expectations.contracts.errors import UserError
from expectations.contracts.tables import FLOAT, INTEGER, ITEM, STRING, USER, Column, Table
from pipelines.io.artefact_io import read_json, read_table, write_json, write_table
from pipelines.sources.synthetic.catalogue import Topic
from pipelines.sources.synthetic.mechanism import Mechanism
from pipelines.sources.synthetic.people import NOBODY, People
from pipelines.sources.synthetic.shelf import Integers, Shelf

ABOUT = "about.json"

TOPIC = Column("topic_id", INTEGER, "the leaf topic", minimum=0)

TRUE_TOPICS = Table(
    "true_topics",
    "the leaf topics",
    (
        TOPIC,
        Column("name", STRING, "the topic's name"),
        Column("group", STRING, "the group above it"),
        Column("domain", STRING, "the domain above that"),
        Column("popularity", pa.float64(), "general attraction, mean 1", minimum=0),
    ),
    key=("topic_id",),
)
TRUE_CO_INTERESTS = Table(
    "true_co_interests",
    "which touched topic leads to which: the entries that are not zero",
    (
        TOPIC,
        Column("next_topic_id", INTEGER, "the topic it leads to", minimum=0),
        Column("strength", pa.float64(), "how strongly", minimum=0),
    ),
    key=("topic_id", "next_topic_id"),
)
TRUE_ITEM_TOPICS = Table(
    "true_item_topics", "the one topic of every item", (ITEM, TOPIC), key=("item_id",)
)
TRUE_INTERESTS = Table(
    "true_interests",
    "what every user likes, known to nobody",
    (
        USER,
        Column("interests", pa.list_(INTEGER), "topics, in the order the user opens them"),
        Column("affinities", pa.list_(FLOAT), "liking of each, 0 to 1, same order"),
        Column("n_opened", INTEGER, "how many of them the user has opened", minimum=0),
    ),
    key=("user_id",),
)


def topics_path(folder: Path) -> Path:
    """Return where the table of topics lies in a truth folder."""
    return folder / "topics.parquet"


def co_interests_path(folder: Path) -> Path:
    """Return where the co-interests lie in a truth folder."""
    return folder / "co_interests.parquet"


def item_topics_path(folder: Path) -> Path:
    """Return where the topics of the items lie in a truth folder."""
    return folder / "item_topics.parquet"


def interests_path(folder: Path) -> Path:
    """Return where the users' interests lie in a truth folder."""
    return folder / "interests.parquet"


@dataclass(frozen=True)
class Truth:
    """What is known of a synthetic world besides its users, who may be too many to hold.

    ``topic_of_item`` maps every item id to its topic.
    """

    topic_names: tuple[str, ...]
    mechanism: Mechanism
    topic_of_item: dict[str, int]


def is_truth_available(folder: Path) -> bool:
    """Say whether the data set has a known truth; only the synthetic source has."""
    return bool(read_json(folder / ABOUT)["available"])


def write_laws(
    folder: Path, topics: Sequence[Topic], mechanism: Mechanism, shelf: Shelf, seed: int
) -> None:
    """Write everything of the truth except the users' interests."""
    write_json({"available": True, "floor": mechanism.floor, "seed": seed}, folder / ABOUT)
    frame = pl.DataFrame(
        {
            "topic_id": np.arange(len(topics)),
            "name": [topic.name for topic in topics],
            "group": [topic.group for topic in topics],
            "domain": [topic.domain for topic in topics],
            "popularity": mechanism.popularity,
        }
    )
    write_table(frame, topics_path(folder), TRUE_TOPICS)
    sources, targets = np.nonzero(mechanism.co_interest)
    strengths = mechanism.co_interest[sources, targets]
    entries = {"topic_id": sources, "next_topic_id": targets, "strength": strengths}
    write_table(pl.DataFrame(entries), co_interests_path(folder), TRUE_CO_INTERESTS)
    items = pl.DataFrame({"item_id": shelf.item_ids, "topic_id": shelf.topic_of_item})
    write_table(items.sort("item_id"), item_topics_path(folder), TRUE_ITEM_TOPICS)


def describe_interests(people: People, n_opened: Integers, user_ids: pl.Series) -> pl.DataFrame:
    """Return the rows of ``true_interests`` for these users."""
    rows, slots = np.nonzero(people.interests != NOBODY)
    topics = people.interests[rows, slots]
    long = pl.DataFrame(
        {"row": rows, "interests": topics, "affinities": people.affinity[rows, topics]}
    )
    lists = long.group_by("row", maintain_order=True).agg("interests", "affinities")
    return lists.select(
        user_ids.alias("user_id"), "interests", "affinities", pl.Series("n_opened", n_opened)
    )


def read_truth(folder: Path) -> Truth:
    """Return the laws of the world; raises ``UserError`` where the data set has none."""
    if not is_truth_available(folder):
        raise UserError(str(folder), "the truth is known", "use dataset.source: synthetic")
    topics = read_table(topics_path(folder), TRUE_TOPICS)
    entries = read_table(co_interests_path(folder), TRUE_CO_INTERESTS)
    co_interest = np.zeros((topics.height, topics.height))
    co_interest[entries["topic_id"], entries["next_topic_id"]] = entries["strength"]
    floor = float(str(read_json(folder / ABOUT)["floor"]))
    items = read_table(item_topics_path(folder), TRUE_ITEM_TOPICS)
    return Truth(
        tuple(topics["name"]),
        Mechanism(topics["popularity"].to_numpy(), co_interest, floor),
        dict(zip(items["item_id"], items["topic_id"], strict=True)),
    )
