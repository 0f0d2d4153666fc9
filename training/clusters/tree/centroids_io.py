"""Keeps the centroids of a tree in a folder: JSON, Parquet and safetensors, nothing that runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from expectations.contracts.durable import SCHEMA, schema_of
from expectations.contracts.errors import UserError
from training.clusters.config import RepresentationConfig
from training.clusters.representation.collaborative import CollaborativeEncoder
from training.clusters.representation.represent import ItemEncoder
from training.clusters.representation.text_vectors import SentenceEncoder, TextEncoder, WordEncoder
from training.clusters.tree.assign import TreeCentroids

CONFIG_FILE = "representation.json"
STEMS_FILE = "stems.parquet"
CONTEXT_FILE = "cooccurrence.parquet"
ARRAYS_FILE = "arrays.safetensors"
CENTROIDS_SCHEMA = 2
"""1 was the same without the field."""


def save_centroids(centroids: TreeCentroids, folder: Path) -> None:
    """Write ``centroids`` into an existing empty folder; the same ones give the same bytes."""
    encoder, collaborative = centroids.encoder, centroids.encoder.collaborative
    arrays = {
        "collaborative_projection": collaborative.projection,
        "expectation": encoder.expectation,
        "unknown": encoder.unknown,
    }
    for level, (centres, parents) in enumerate(
        zip(centroids.centres, centroids.parents, strict=True)
    ):
        arrays |= {f"centres_{level}": centres, f"parents_{level}": parents}
    if isinstance(encoder.text, WordEncoder):
        stems = pl.DataFrame({"stem": encoder.text.stems, "idf": encoder.text.idf})
        stems.write_parquet(folder / STEMS_FILE)
        arrays["word_projection"] = encoder.text.projection
    cooccurrence = pl.DataFrame(
        {"item_id": collaborative.item_ids, "context": collaborative.context}
    )
    cooccurrence.write_parquet(folder / CONTEXT_FILE)
    save_file({name: np.ascontiguousarray(a) for name, a in arrays.items()}, folder / ARRAYS_FILE)
    content = {SCHEMA: CENTROIDS_SCHEMA, **encoder.config.model_dump()}
    text = json.dumps(content, indent=2, sort_keys=True)
    (folder / CONFIG_FILE).write_text(text + "\n", encoding="utf-8")


def load_centroids(folder: Path) -> TreeCentroids:
    """Return what :func:`save_centroids` wrote.

    Raises:
        UserError: the folder does not hold the centroids of a tree.
    """
    try:
        content = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        schema_of(content, CENTROIDS_SCHEMA, str(folder / CONFIG_FILE))
        config = RepresentationConfig.model_validate(content, extra="ignore")
        arrays = load_file(folder / ARRAYS_FILE)
        cooccurrence = pl.read_parquet(folder / CONTEXT_FILE)
        collaborative = CollaborativeEncoder(
            cooccurrence["item_id"],
            cooccurrence["context"].to_numpy(),
            arrays["collaborative_projection"],
            config.window,
            config.shift,
        )
        text = _load_text(folder, config, arrays)
        encoder = ItemEncoder(config, text, collaborative, arrays["expectation"], arrays["unknown"])
        n_levels = sum(name.startswith("centres_") for name in arrays)
        return TreeCentroids(
            encoder,
            tuple(arrays[f"centres_{level}"] for level in range(n_levels)),
            tuple(arrays[f"parents_{level}"] for level in range(n_levels)),
        )
    except (OSError, ValueError, KeyError, ValidationError, SafetensorError) as error:
        remedy = "run the clusters stage again with `dvc repro clusters`"
        raise UserError(
            str(folder), "holds the centroids of a cluster tree", remedy, repr(error)[:120]
        ) from None


def _load_text(
    folder: Path, config: RepresentationConfig, arrays: dict[str, np.ndarray]
) -> TextEncoder:
    if "word_projection" not in arrays:
        return SentenceEncoder(config.text_encoder)
    stems = pl.read_parquet(folder / STEMS_FILE)
    return WordEncoder(stems["stem"], stems["idf"].to_numpy(), arrays["word_projection"], config)
