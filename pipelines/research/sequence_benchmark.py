"""Leave-one-out with full ranking on a file of sequences."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from expectations.contracts.errors import UserError
from pipelines.io.artefact_io import write_json
from pipelines.params.params import read_params
from pipelines.sources.sequence_file import read_sequence_file
from training.baselines.items.baselines import count_popularity
from training.evaluation.items.leave_one_out import (
    LeaveOneOut,
    cut_leave_one_out,
    rank_targets,
    summarise_ranks,
)
from training.evaluation.items.ranks import SequenceScorer
from training.recommender.config import RecommenderConfig
from training.recommender.data.histories import Sequences
from training.recommender.data.layout import ItemLayout, arrange_items
from training.recommender.data.neighbours import fit_neighbours
from training.recommender.fitting.fit import choose_n_epochs
from training.recommender.fitting.validation import ValidationCases
from training.recommender.model.recommender import SequenceRecommender

DEPTHS = (5, 10, 20)
"""At which papers on sequence recommenders report."""
SHOWN = tuple(f"{measure}_at_{k}" for measure in ("hit_rate", "ndcg") for k in DEPTHS)
PROTOCOLS = {"seen_removed": True, "seen_kept": False}
Figures = dict[str, float]


def measure_sequences(
    file: Path, seeds: Sequence[int] | None, output: Path, validation: bool
) -> None:
    """Train with the settings of ``params.yaml`` for each seed; print and write the figures.

    Args:
        file: one user a line, ``user item item …``, oldest first.
        seeds: ``None`` for the one of ``params.yaml``.
        output: where the figures go, as JSON.
        validation: measure on the item before last instead of the last.

    Raises:
        UserError: the file cannot be read, or nobody in it can be held out.
    """
    params = read_params()
    runtime, config = params.runtime, params.recommender
    torch.set_num_threads(runtime.threads)

    layout, sequences = arrange_sequences(read_sequence_file(file))
    parts = cut_leave_one_out(sequences)
    if not len(parts.test_targets):
        remedy = "give users of three items or more: one to know, one to stop by, one to test on"
        raise UserError(str(file), "somebody can be held out", remedy)
    print(
        f"{len(sequences)} users, {layout.n_items} items, {len(sequences.items)} interactions; "
        f"{len(parts.test_targets)} users held out",
        flush=True,
    )
    report: dict[str, object] = {"measured_on": "validation" if validation else "test"}
    per_seed: list[dict[str, Figures]] = []
    for seed in seeds or [runtime.seed]:
        measured, epochs, seconds = run_seed(parts, layout, config, seed, validation)
        print(
            f"\nseed {seed}: best of validation after epoch {epochs}, {seconds:.0f} s in training"
        )
        print_figures(measured)
        report[f"seed_{seed}"] = {"epochs": epochs, "training_seconds": seconds, **measured}
        per_seed.append(measured)
    mean = average(per_seed)
    if len(per_seed) > 1:
        print(f"\nmean of {len(per_seed)} seeds")
        print_figures(mean)
    write_json({**report, "mean": mean, "settings": config.model_dump()}, output)
    print(f"\nwritten to {output}")


def arrange_sequences(items: list[list[str]]) -> tuple[ItemLayout, Sequences]:
    """Return the catalogue as one cluster, and the sequences in its embedding indices."""
    ids = sorted({item for row in items for item in row})
    layout = arrange_items(ids, np.zeros(len(ids), dtype=np.int64), n_clusters=1)
    index_of = layout.index_of
    return layout, Sequences.of([[index_of[item] for item in row] for row in items])


def run_seed(
    parts: LeaveOneOut, layout: ItemLayout, config: RecommenderConfig, seed: int, validation: bool
) -> tuple[dict[str, Figures], int, float]:
    """Return the figures of each contender and protocol, the best epoch, the training's seconds.

    The sequence recommender stands beside its two parts and popularity.
    """
    started = time.perf_counter()
    cases = sample_cases(parts, config.max_validation_users, np.random.default_rng(seed))
    epochs, recommender = choose_n_epochs(
        parts.train, cases, layout, config, seed, lambda epoch: None
    )
    seconds = time.perf_counter() - started
    transformer = SequenceRecommender(recommender.model, layout, config)
    contenders: dict[str, SequenceScorer] = {
        "recommender": recommender,
        "transformer_alone": transformer,
        "neighbours_alone": fit_neighbours(
            parts.train, layout.n_items, recommender.config.neighbours
        ),
        "popularity": count_popularity(parts.train, layout),
    }
    histories, targets = (
        (parts.validation_histories, parts.validation_targets)
        if validation
        else (parts.test_histories, parts.test_targets)
    )
    measured = {
        f"{name}.{protocol}": summarise_ranks(
            rank_targets(scorer, histories, targets, remove_seen, name), DEPTHS
        )
        for name, scorer in contenders.items()
        for protocol, remove_seen in PROTOCOLS.items()
    }
    return measured, epochs, seconds


def sample_cases(parts: LeaveOneOut, n_users: int, rng: np.random.Generator) -> ValidationCases:
    """Return the cases that training stops by: the item before last of some users."""
    n_held_out = len(parts.validation_targets)
    rows = np.sort(rng.permutation(n_held_out)[:n_users])
    targets = Sequences(parts.validation_targets[rows], np.arange(len(rows) + 1))
    return ValidationCases(parts.validation_histories.take(rows), targets)


def average(per_seed: list[dict[str, Figures]]) -> dict[str, Figures]:
    """Return the mean of every figure over the seeds."""
    return {
        name: {
            figure: statistics.fmean(measured[name][figure] for measured in per_seed)
            for figure in figures
        }
        for name, figures in per_seed[0].items()
    }


def print_figures(measured: dict[str, Figures]) -> None:
    """Print one line for each contender and protocol."""
    head = "  ".join(f"{measure}@{k}".rjust(7) for measure in ("HR", "NDCG") for k in DEPTHS)
    print(f"{'':32s}  {head}")
    for name, figures in measured.items():
        row = "  ".join(f"{figures[shown]:7.4f}" for shown in SHOWN)
        print(f"{name.replace('.', ', ').replace('_', ' '):32s}  {row}", flush=True)
