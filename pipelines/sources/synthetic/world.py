"""Writes a synthetic world: items, interactions, and apart from them the truth behind both.

The mechanism, published:

1. Topics have a mild log-normal popularity and a sparse matrix of co-interest: every topic leads
   to a few steady partners, some of its own group, some of other domains (a surprise, but the
   same surprise for everyone). Partners are dealt so that as many topics lead to each as it
   leads to.
2. A user has 8 to 18 latent interests in a fixed order. The first 1 to 3 are drawn by popularity.
   Each further one, t, is drawn among the topics not yet in the set H with weight

       popularity[t] * (floor + sum of co_interest[s, t] over s in H)

   The score adds over touched topics, all alike: what a person likes next depends on the whole
   history, not on its newest part.
3. Users act at random times within their active span; activity is skewed; some leave, some come
   late. An event opens the next latent interest, or repeats an open one (better liked, more
   often), or is noise: any topic, by popularity. Latent interests left untouched at the data's end
   are what exploration may find.
4. The item is drawn within the topic: Zipf popularity that drifts as a random walk, items that
   appear over time and are in demand while fresh.
5. Feedback, 1 to 5 in halves, rises with the user's affinity for the topic, which is high for
   interests and low for the rest, plus noise.

Users are made in chunks, each from a generator of its own (seeded by world seed and chunk), so
that memory is bounded and the world does not depend on how much of it is held at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from tqdm import tqdm

from expectations.contracts.errors import UserError
from expectations.contracts.tables import INTERACTIONS, ITEMS
from pipelines.io.artefact_io import TableWriter, atomic_folder
from pipelines.sources.synthetic.catalogue import Topic, read_catalogue
from pipelines.sources.synthetic.config import SyntheticConfig
from pipelines.sources.synthetic.mechanism import Mechanism, draw_mechanism
from pipelines.sources.synthetic.people import Events, draw_people, live
from pipelines.sources.synthetic.shelf import Shelf, fill_shelf, number_ids
from pipelines.sources.synthetic.truth import (
    TRUE_INTERESTS,
    describe_interests,
    interests_path,
    write_laws,
)
from pipelines.sources.synthetic.writing import write_items

# part of the world's definition: other sizes of chunk make another world from the same seed
USERS_PER_CHUNK = 4096
ITEMS_PER_CHUNK = 16_384

LAWS, SHELF, WRITING, PEOPLE = range(4)  # independent streams of random numbers


def write_world(
    catalogue: Path,
    config: SyntheticConfig,
    seed: int,
    positive_threshold: float,
    *,
    items_path: Path,
    interactions_path: Path,
    truth_folder: Path,
) -> None:
    """Make a world and write it in bounded memory; nothing is left behind when it fails.

    Args:
        catalogue: the YAML tree of topics.
        config: size and difficulty.
        seed: of all random numbers.
        positive_threshold: feedback from which an interaction is positive.
        items_path: where the ``items`` table goes.
        interactions_path: where the ``interactions`` table goes, sorted by user, time and item.
        truth_folder: where the truth goes, see :mod:`pipelines.sources.synthetic.truth`.

    Raises:
        UserError: the catalogue is at fault, or there are fewer items than topics.
    """
    topics = read_catalogue(catalogue)
    if config.n_items < len(topics):
        rule = f"dataset.synthetic.n_items is at least the number of topics, {len(topics)}"
        raise UserError("params.yaml", rule, "ask for more items", str(config.n_items))
    mechanism = draw_mechanism(topics, config, _generator(seed, LAWS))
    shelf = fill_shelf(len(topics), config, _generator(seed, SHELF))
    with atomic_folder(truth_folder) as truth:
        write_laws(truth, topics, mechanism, shelf, seed)
        with (
            TableWriter(items_path, ITEMS) as items,
            TableWriter(interactions_path, INTERACTIONS) as interactions,
            TableWriter(interests_path(truth), TRUE_INTERESTS) as interests,
        ):
            _write_catalogue(items, topics, shelf, seed)
            _write_people(
                interactions, interests, mechanism, shelf, config, seed, positive_threshold
            )


def _write_catalogue(items: TableWriter, topics: Sequence[Topic], shelf: Shelf, seed: int) -> None:
    by_id = np.argsort(shelf.numbers)
    ids = shelf.item_ids
    for chunk, begin in enumerate(range(0, shelf.n_items, ITEMS_PER_CHUNK)):
        rows = by_id[begin : begin + ITEMS_PER_CHUNK]
        rng = _generator(seed, WRITING, chunk)
        items.write(write_items(topics, shelf.topic_of_item[rows], ids[rows], rng))


def _write_people(
    interactions: TableWriter,
    interests: TableWriter,
    mechanism: Mechanism,
    shelf: Shelf,
    config: SyntheticConfig,
    seed: int,
    positive_threshold: float,
) -> None:
    item_ids = shelf.item_ids
    begins = range(0, config.n_users, USERS_PER_CHUNK)
    for chunk, begin in enumerate(tqdm(begins, desc="users", leave=False, disable=None)):
        size = min(USERS_PER_CHUNK, config.n_users - begin)
        rng = _generator(seed, PEOPLE, chunk)
        people = draw_people(size, mechanism, config, rng)
        events = live(people, mechanism, shelf, config, rng)
        user_ids = number_ids("user", np.arange(begin, begin + size))
        interests.write(describe_interests(people, events.n_opened, user_ids))
        interactions.write(_tabulate(events, user_ids, item_ids, config, positive_threshold))


def _tabulate(
    events: Events,
    user_ids: pl.Series,
    item_ids: pl.Series,
    config: SyntheticConfig,
    positive_threshold: float,
) -> pl.DataFrame:
    """Return the rows of ``interactions`` for these events, sorted; a repeated key is dropped."""
    key = ["user_id", "timestamp", "item_id"]
    start = pl.lit(config.start_time).dt.cast_time_unit("us")
    frame = pl.DataFrame(
        {
            "user_id": user_ids[events.users],
            "item_id": item_ids[events.items],
            "seconds": events.seconds,
            "feedback": events.feedback.astype(np.float32),
        }
    )
    return (
        frame.with_columns(
            timestamp=start + pl.duration(seconds="seconds"),
            is_positive=pl.col("feedback") >= positive_threshold,
        )
        .sort(key, maintain_order=True)
        .unique(key, keep="first", maintain_order=True)
        .drop("seconds")
    )


def _generator(seed: int, *stream: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=stream))
