"""Stage: the planner's adapter, fine-tuned on the curated transitions."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl
import torch

from expectations.contracts.tables import TRANSITIONS
from pipelines.io import paths, stage
from pipelines.io.artefact_io import atomic_file, atomic_folder, read_table, write_json
from pipelines.io.clusters_reader import read_clusters
from pipelines.params.params import Params, read_params
from training.collective.signal import load_signal
from training.planner.base.adapter_io import save_adapter
from training.planner.base.model_io import load_base
from training.planner.data.transitions import read_transitions
from training.planner.tuning.finetune import FineTuned, fine_tune, refit
from training.processes import join_process_group

CURVE_DECIMALS = 6
"""Sums of another order differ beyond them."""


def main(params: Params) -> None:
    """Write the adapter that validation judges, the one that is released, and the curve."""
    runtime = params.runtime
    config = params.planner
    torch.set_num_threads(runtime.threads)
    clusters = read_clusters(params.clusters.serving_level)
    transitions = read_table(paths.TRANSITIONS, TRANSITIONS)
    train, validation = (read_transitions(transitions, split) for split in ("train", "validation"))
    base = load_base(paths.BASE_MODEL, config.hardware)
    # of several processes that train together one writes
    is_main = join_process_group(config.hardware.device, "planner.hardware.device").is_main
    tuned = fine_tune(
        base,
        clusters.descriptions,
        train,
        validation,
        config,
        runtime.seed,
        load_signal(paths.SIGNAL_BEFORE_VALIDATION),
        clusters.ancestors,
    )
    if is_main:
        write_adapter(tuned, paths.ADAPTER_BEFORE_VALIDATION)
    if config.refit:
        signal = load_signal(paths.SIGNAL_BEFORE_TEST)
        everything = train.join(validation)
        refit(
            tuned,
            base.tokenizer,
            clusters.descriptions,
            everything,
            config,
            runtime.seed,
            signal,
            clusters.ancestors,
        )
    if not is_main:
        sys.exit()
    write_adapter(tuned, paths.PLANNER_ADAPTER)
    write_json(tuned.to_metrics(), paths.metrics_of("planner_training"))
    with atomic_file(paths.PLANNER_CURVE) as file:
        pl.DataFrame(tuned.curve).write_csv(file, float_precision=CURVE_DECIMALS)


def write_adapter(tuned: FineTuned, folder: Path) -> None:
    """Write the adapter as it is now."""
    with atomic_folder(folder) as partial:
        save_adapter(tuned.model, tuned.prompt, paths.BASE_MODEL, partial)


if __name__ == "__main__":
    stage.run("planner", lambda: main(read_params()))
