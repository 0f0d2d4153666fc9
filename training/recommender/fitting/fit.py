"""Training: epochs until validation no longer rises, then a refit; resumed where it was killed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from tqdm import tqdm

from training.processes import ProcessGroup, join_process_group
from training.recommender.config import RecommenderConfig
from training.recommender.data.histories import Sequences
from training.recommender.data.layout import FIRST_ITEM, ItemLayout
from training.recommender.data.neighbours import SequentialNeighbours, fit_neighbours
from training.recommender.fitting.checkpoint import Checkpoints, fingerprint_of
from training.recommender.fitting.trainer import Trainer
from training.recommender.fitting.training_run import EpochReport, Report, TrainingRun
from training.recommender.fitting.validation import (
    ValidationCases,
    choose_history_decay,
    measure_ndcg,
)
from training.recommender.model.item_text import embed_cold_items
from training.recommender.model.model import SequenceTransformer
from training.recommender.model.popularity import count_in_sequences
from training.recommender.model.recommender import SequenceRecommender


def choose_n_epochs(
    sequences: Sequences,
    cases: ValidationCases,
    layout: ItemLayout,
    config: RecommenderConfig,
    seed: int,
    report: Report,
    checkpoint: Path | None = None,
    text: np.ndarray | None = None,
) -> tuple[int, SequenceRecommender]:
    """Train until validation NDCG@10 stops rising; return the best epoch and its recommender.

    Its ``config`` is the one given, with the one history decay that the cases speak for.

    Args:
        sequences: what users liked before the validation window.
        cases: the validation window; without any, training runs to the last epoch.
        layout: items in the order of the model.
        config: model and training.
        seed: of weights, dropout, order and negatives.
        report: is told of every epoch, also of those that a killed training had finished.
        checkpoint: a file to keep the state in; a training that finds its own goes on from there
            and ends with the same weights, bit for bit. It is left when all is done.
        text: what the items say, unit rows in order of row, ``[n_items, d]``: embeds the items
            that nobody liked.

    Raises:
        UserError: no user has liked two items.
    """
    group = join_process_group(config.device, "recommender.device")
    trainer = Trainer(sequences, layout, config, seed, group)
    neighbours = _count_neighbours(sequences, layout, config)
    if neighbours is not None:
        neighbours = choose_history_decay(neighbours, cases)
        config = config.model_copy(update={"neighbours": neighbours.config})
    data = (sequences, cases.histories, cases.positives)
    kept = _open(checkpoint, data, layout, config, seed, f"choose {_digest(text)}")
    run = TrainingRun(trainer, kept, report, group)
    with _progress("recommender, choosing", config.max_epochs, run, group) as bar:
        while not run.is_over(config.max_epochs, config.patience):
            loss = trainer.run_epoch(run.keep_when_due)
            epoch, ndcg = trainer.position.epochs, None
            if len(cases.histories):
                model = _finish(trainer.copy_model(), sequences, text)
                ndcg = measure_ndcg(SequenceRecommender(model, layout, config, neighbours), cases)
            run.finish_epoch(EpochReport("choose", epoch, loss, ndcg))
            bar.update()
    model = trainer.copy_model()
    model.load_state_dict(run.best_weights)
    model = _finish(model, sequences, text)
    likes = count_in_sequences(sequences, layout.n_items)
    return run.best_epoch, SequenceRecommender(model, layout, config, neighbours, likes)


def fit_recommender(
    sequences: Sequences,
    layout: ItemLayout,
    config: RecommenderConfig,
    seed: int,
    n_epochs: int | None = None,
    report: Report = lambda epoch: None,
    checkpoint: Path | None = None,
    text: np.ndarray | None = None,
) -> SequenceRecommender:
    """Train on all the sequences for ``n_epochs`` and return the recommender.

    Args:
        sequences: what each user liked, oldest first, embedding indices of ``layout``.
        layout: items in the order of the model.
        config: model and training.
        seed: of weights, dropout, order and negatives.
        n_epochs: as a rule from :func:`choose_n_epochs`; ``config.max_epochs`` if ``None``.
        report: is told of every epoch, also of those that a killed training had finished.
        checkpoint: as for :func:`choose_n_epochs`.
        text: likewise.

    Raises:
        UserError: no user has liked two items.
    """
    n_epochs = config.max_epochs if n_epochs is None else n_epochs
    group = join_process_group(config.device, "recommender.device")
    trainer = Trainer(sequences, layout, config, seed, group)
    neighbours = _count_neighbours(sequences, layout, config)
    kept = _open(checkpoint, (sequences,), layout, config, seed, f"refit {n_epochs}")
    run = TrainingRun(trainer, kept, report, group)
    with _progress("recommender, fitting", n_epochs, run, group) as bar:
        while not run.is_over(n_epochs, n_epochs):
            loss = trainer.run_epoch(run.keep_when_due)
            run.finish_epoch(EpochReport("refit", trainer.position.epochs, loss, None))
            bar.update()
    model = _finish(trainer.copy_model(), sequences, text)
    likes = count_in_sequences(sequences, layout.n_items)
    return SequenceRecommender(model, layout, config, neighbours, likes)


def _finish(
    model: SequenceTransformer, sequences: Sequences, text: np.ndarray | None
) -> SequenceTransformer:
    """Return the model with its cold items embedded, where it is known what they say."""
    if text is not None:
        n_indices = len(model.items.weight)
        likes = np.bincount(sequences.items, minlength=n_indices)[FIRST_ITEM:]
        embed_cold_items(model, likes, text)
    return model


def _count_neighbours(
    sequences: Sequences, layout: ItemLayout, config: RecommenderConfig
) -> SequentialNeighbours | None:
    if config.neighbours.weight == 0:
        return None
    return fit_neighbours(sequences, layout.n_items, config.neighbours)


def _open(
    file: Path | None,
    data: tuple[Sequences, ...],
    layout: ItemLayout,
    config: RecommenderConfig,
    seed: int,
    what: str,
) -> Checkpoints | None:
    if file is None:
        return None
    return Checkpoints(file, fingerprint_of(data, layout, config, seed, what))


def _digest(text: np.ndarray | None) -> str:
    return "" if text is None else hashlib.sha256(np.ascontiguousarray(text).data).hexdigest()


def _progress(title: str, n_epochs: int, run: TrainingRun, group: ProcessGroup) -> tqdm:
    off = None if group.is_main else True  # None: wherever there is no terminal
    return tqdm(total=n_epochs, initial=len(run.curve), desc=title, unit="epoch", disable=off)
