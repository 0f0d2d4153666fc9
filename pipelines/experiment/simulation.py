"""Turns the truth of a synthetic world into the environment of the simulated experiment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from inference.experiment.environment import Environment
from pipelines.io.artefact_io import scan_table
from pipelines.sources.synthetic.people import BACKGROUND_AFFINITY, feedback_of
from pipelines.sources.synthetic.truth import TRUE_INTERESTS, Truth, interests_path, read_truth


def build_environment(
    truth_folder: Path,
    interactions: pl.LazyFrame,
    user_ids: Sequence[str],
    positive_threshold: float,
    rng: np.random.Generator,
) -> Environment:
    """Return the environment of these users, in their order.

    The truth keeps how users like their interests; how they like all else is drawn again by the
    same law.

    Args:
        truth_folder: what the synthetic source has left.
        interactions: all of them, to see which topics were touched.
        user_ids: the participants.
        positive_threshold: the data set's.
        rng: for the liking of what is not an interest.

    Raises:
        UserError: the data set's truth is not known.
    """
    truth = read_truth(truth_folder)
    n_topics = truth.mechanism.n_topics
    affinity = rng.uniform(*BACKGROUND_AFFINITY, (len(user_ids), n_topics))
    is_interest = np.zeros(affinity.shape, dtype=bool)
    order = pl.LazyFrame({"user_id": user_ids, "user": np.arange(len(user_ids))})
    liked = (
        scan_table(interests_path(truth_folder), TRUE_INTERESTS)
        .join(order, on="user_id")
        .explode("interests", "affinities")
        .select("user", "interests", "affinities")
        .collect()
    )
    users, topics = liked["user"].to_numpy(), liked["interests"].to_numpy()
    affinity[users, topics] = liked["affinities"].to_numpy()
    is_interest[users, topics] = True
    touched = _find_touched(truth, interactions, order, is_interest.shape)
    return Environment(
        affinity=affinity,
        is_untouched=is_interest & ~touched,
        item_ids=tuple(truth.topic_of_item),
        topic_of_item=np.fromiter(truth.topic_of_item.values(), dtype=np.int64),
        feedback_law=feedback_of,
        positive_threshold=positive_threshold,
    )


def _find_touched(
    truth: Truth, interactions: pl.LazyFrame, order: pl.LazyFrame, shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    topics = pl.LazyFrame(
        {"item_id": list(truth.topic_of_item), "topic": list(truth.topic_of_item.values())}
    )
    pairs = interactions.join(order, on="user_id").join(topics, on="item_id")
    found = pairs.select("user", "topic").unique().collect()
    touched = np.zeros(shape, dtype=bool)
    touched[found["user"].to_numpy(), found["topic"].to_numpy()] = True
    return touched
