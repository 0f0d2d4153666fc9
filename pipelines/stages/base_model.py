"""Stage: the base language model, pre-trained here, converted or referred to."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import torch

from expectations.contracts.tables import ITEMS, TRANSITIONS
from pipelines.io import paths, stage
from pipelines.io.artefact_io import atomic_folder, read_table
from pipelines.io.clusters_reader import read_clusters
from pipelines.params.params import Params, read_params
from training.planner.base.base_model import pretrain, save_base
from training.planner.base.base_reference import refer_to_base, write_reference
from training.planner.base.corpus import write_corpus
from training.planner.base.gguf_model import convert_gguf, is_gguf
from training.planner.config import EMBEDDED


def main(params: Params) -> None:
    """Write the embedded model, what a GGUF file holds, or the reference to another one."""
    runtime = params.runtime
    config = params.planner
    torch.set_num_threads(runtime.threads)
    if is_gguf(config.base_model):
        with atomic_folder(paths.BASE_MODEL) as folder:
            convert_gguf(Path(config.base_model), folder)
        return
    if config.base_model != EMBEDDED:
        reference = refer_to_base(config.base_model)
        with atomic_folder(paths.BASE_MODEL) as folder:
            write_reference(reference, folder)
        return
    clusters = read_clusters(params.clusters.serving_level)
    train = read_table(paths.TRANSITIONS, TRANSITIONS).filter(pl.col("split") == "train")
    corpus = write_corpus(read_table(paths.ITEMS, ITEMS), clusters, train, config.prompt)
    model, tokenizer = pretrain(
        corpus, clusters.descriptions, config.embedded, runtime.seed, config.hardware.precision
    )
    with atomic_folder(paths.BASE_MODEL) as folder:
        save_base(model, tokenizer, folder)


if __name__ == "__main__":
    stage.run("base_model", lambda: main(read_params()))
