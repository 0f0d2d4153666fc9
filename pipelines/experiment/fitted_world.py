"""The fitted world: an environment from a generative model of the ingested log, none of ours.

Shapes: U participants, T latent topics, I items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from expectations.contracts.tables import INTERACTIONS
from inference.experiment.environment import Environment
from pipelines.io import paths
from pipelines.io.artefact_io import scan_table
from pipelines.sources.synthetic.people import BACKGROUND_AFFINITY, INTEREST_AFFINITY
from training.clusters.tree_view import ServingClusters
from training.log_model.calibration import calibrate
from training.log_model.model import LogModel, fit_log_model, sample_log, touched_topics
from training.log_model.predictability import measure_predictability
from training.log_model.statistics import Log, describe_log

LIKING_SHARE = 0.7
"""Correlation of feedback with affinity; the rest is noise. In the planted world it is .8 over all
topics and .5 within interests."""
MOST_EVENTS = 300
"""Of a user, the newest, that the model is fitted to: a few very long histories rule it else."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FittedWorld:
    """A model of the log, and the log's users by name.

    Attributes:
        model: calibrated.
        taken: how often each user of the log took each topic, [users, T].
        row_of_user: the row of each user.
        item_ids: [I], the catalogue.
        feedback: quantiles of the log's feedback; empty where it has none.
        likeness: figures of the log and of a simulated one, see :func:`compare_logs`.
    """

    model: LogModel
    taken: Floats
    row_of_user: dict[str, int]
    item_ids: tuple[str, ...]
    feedback: Floats
    likeness: dict[str, float]


def fit_world(clusters: ServingClusters, seed: int) -> FittedWorld:
    """Return the world that is fitted to the ingested log.

    Args:
        clusters: for the figures that both logs have to share; the model does not know them.
        seed: of the fit and of the simulated logs.
    """
    order = ["user_id", "timestamp", "item_id"]
    events = scan_table(paths.INTERACTIONS, INTERACTIONS).sort(order).collect()
    events = events.group_by("user_id", maintain_order=True).tail(MOST_EVENTS)
    names = events["user_id"].unique(maintain_order=True)
    index = {item: row for row, item in enumerate(clusters.item_ids)}
    log = Log(
        (events["user_id"].rank("dense").to_numpy() - 1).astype(np.int64),
        np.array([index[item] for item in events["item_id"]], dtype=np.int64),
        len(names),
        len(index),
    )
    fitted = fit_log_model(log, np.random.default_rng(seed))
    model = calibrate(fitted, log, clusters.cluster_of_item, seed)
    known = events["feedback"].drop_nulls().to_numpy().astype(np.float64)
    feedback = np.quantile(known, np.linspace(0, 1, 101)) if len(known) else np.empty(0)
    return FittedWorld(
        model,
        touched_topics(model, log),
        {user: row for row, user in enumerate(names)},
        tuple(clusters.item_ids),
        feedback,
        compare_logs(model, log, clusters.cluster_of_item, seed + 1),
    )


def compare_logs(
    model: LogModel, log: Log, cluster_of_item: NDArray[np.int64], seed: int
) -> dict[str, float]:
    """Return the log's figures and those of a simulated one, drawn by other luck, side by side."""
    drawn = sample_log(model, np.random.default_rng(seed))
    figures: dict[str, float] = {}
    for side, which in (("log", log), ("simulated", drawn)):
        described = describe_log(which, cluster_of_item)
        described |= measure_predictability(which, cluster_of_item)
        figures |= {f"{side}_{name}": round(value, 6) for name, value in described.items()}
    return figures


def fitted_environment(
    world: FittedWorld,
    user_ids: Sequence[str],
    positive_threshold: float | None,
    rng: np.random.Generator,
) -> Environment:
    """Return the environment of these users, in their order.

    A user likes the topics taken before, the more the oftener, and as many others as the log's
    pace would open in a history of the same length, drawn by the user's type.

    Args:
        world: what was fitted.
        user_ids: the participants.
        positive_threshold: the data set's; ``None`` where every interaction counts.
        rng: for what the log does not tell.
    """
    model = world.model
    rows = np.array([world.row_of_user[user] for user in user_ids])
    taken = world.taken[rows]  # [U, T]
    low, high = INTEREST_AFFINITY
    affinity = rng.uniform(*BACKGROUND_AFFINITY, taken.shape)
    known = low + (high - low) * taken / taken.max(axis=1, keepdims=True)
    affinity = np.where(taken > 0, known, affinity)
    chances = model.interests_of_type[model.type_of_user[rows]] * (taken == 0)
    # The first n of an order drawn without replacement by weight (Efraimidis and Spirakis, 2006).
    keys = np.where(chances > 0, np.log(rng.random(taken.shape)), -np.inf)
    keys = keys / np.where(chances > 0, chances, 1.0)
    rank = np.argsort(np.argsort(-keys, axis=1), axis=1)
    wanted = np.maximum(rng.poisson((taken > 0).sum(axis=1)), 1)
    is_untouched = (rank < wanted[:, None]) & (taken == 0)
    affinity = np.where(is_untouched, rng.uniform(low, high, taken.shape), affinity)
    return Environment(
        affinity=affinity,
        is_untouched=is_untouched,
        item_ids=world.item_ids,
        topic_of_item=model.topic_of_item,
        feedback_law=FeedbackLaw(world.feedback),
        positive_threshold=0.0 if positive_threshold is None else positive_threshold,
    )


@dataclass(frozen=True)
class FeedbackLaw:
    """Maps affinities and noise to feedback, distributed as the log's.

    Attributes:
        quantiles: of the log's feedback, from the lowest to the highest; without any, all
            feedback is 1.
    """

    quantiles: Floats

    def __call__(self, affinity: Floats, noise: Floats) -> Floats:
        """Return the feedback of the rank that affinity and noise give together."""
        if not len(self.quantiles):
            return np.ones_like(affinity)
        low, high = INTEREST_AFFINITY
        standard = (affinity - (low + high) / 2) / ((high - low) / np.sqrt(12))
        mixed = LIKING_SHARE * standard + np.sqrt(1 - LIKING_SHARE**2) * noise
        ranks = np.linspace(0, 1, len(self.quantiles))
        return np.asarray(np.interp(ndtr(mixed), ranks, self.quantiles))
