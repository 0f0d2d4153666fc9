"""How the shipped recommender is made: choose the number of epochs, then train on all there is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from training.curation.timeline import Timeline
from training.recommender.config import RecommenderConfig
from training.recommender.data.histories import read_sequences
from training.recommender.data.layout import ItemLayout
from training.recommender.fitting.fit import choose_n_epochs, fit_recommender
from training.recommender.fitting.training_run import Report
from training.recommender.fitting.validation import find_validation_cases
from training.recommender.model.recommender import SequenceRecommender

CHECKPOINT_FILES = ("choose.safetensors", "refit.safetensors")


@dataclass(frozen=True)
class ReleaseFit:
    """The recommender that is shipped, and the one that was fitted before the validation window.

    They are one and the same without a refit. Only the earlier one may be asked about validation
    cases: the window told it when to stop, and nothing else.
    """

    shipped: SequenceRecommender
    before_validation: SequenceRecommender


def fit_for_release(
    interactions: pl.LazyFrame,
    layout: ItemLayout,
    timeline: Timeline,
    config: RecommenderConfig,
    seed: int,
    report: Report,
    scratch: Path | None = None,
    text: np.ndarray | None = None,
) -> ReleaseFit:
    """Return recommenders fitted on what was liked before the first test origin.

    The validation window tells after how many epochs to stop, and how fast histories fade. With
    ``config.refit`` the model is then trained afresh for as many, that window included: in
    sequences the freshest items teach the most.

    Args:
        interactions: table INTERACTIONS.
        layout: items in the order of the model.
        timeline: the windows.
        config: model and training.
        seed: of everything drawn.
        report: is told of every epoch.
        scratch: a folder of its own for sequences, which are then mapped from disk, and for the
            state of both trainings: a killed one goes on from there and ends with the same
            weights. The caller removes it when all is kept.
        text: embeds the items that nobody liked; see :func:`choose_n_epochs`.

    Raises:
        UserError: no user has liked two items before the validation window.
    """
    window = (timeline.train_until, timeline.fit_until)
    rng = np.random.default_rng(seed)
    cases = find_validation_cases(interactions, layout, *window, config.max_validation_users, rng)
    first, second = (scratch and scratch / file for file in CHECKPOINT_FILES)
    if scratch:
        scratch.mkdir(parents=True, exist_ok=True)
    _, earlier = read_sequences(interactions, layout, timeline.train_until, scratch)
    n_epochs, chosen = choose_n_epochs(earlier, cases, layout, config, seed, report, first, text)
    if not config.refit:
        return ReleaseFit(chosen, chosen)
    _, everything = read_sequences(interactions, layout, timeline.fit_until, scratch)
    refitted = fit_recommender(
        everything, layout, chosen.config, seed, n_epochs, report, second, text
    )
    return ReleaseFit(refitted, chosen)
