"""Tells an MLflow run which data it was built from, as MLflow's own dataset inputs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import mlflow
import pyarrow as pa
from mlflow.data.dataset_source_registry import resolve_dataset_source
from mlflow.data.meta_dataset import MetaDataset
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import Array

from expectations.contracts.content_hash import hash_content
from expectations.contracts.tables import (
    BOOLEAN,
    CASES,
    FLOAT,
    INTEGER,
    INTERACTIONS,
    ITEMS,
    STRING,
    TIME,
    TRANSITIONS,
    Table,
)
from pipelines.io import paths

DIGEST_LENGTH = 36
"""MLflow's own limit on a dataset's digest."""
TYPES: Mapping[pa.DataType, DataType] = {
    STRING: DataType.string,
    INTEGER: DataType.long,
    FLOAT: DataType.float,
    BOOLEAN: DataType.boolean,
    TIME: DataType.datetime,
}
DATASETS: Mapping[str, tuple[Table, Path, str]] = {
    "items": (ITEMS, paths.ITEMS, "source"),
    "interactions": (INTERACTIONS, paths.INTERACTIONS, "source"),
    "transitions": (TRANSITIONS, paths.TRANSITIONS, "training"),
    "cases": (CASES, paths.CASES, "evaluation"),
}
"""Name of a dataset: its declaration, its file, and what it was for."""


def log_datasets() -> None:
    """Log the tables of the working tree as inputs of the active run: columns and SHA-256.

    Nothing is copied. The source is a path within the repository, which ``explorer restore`` and
    ``dvc get`` fetch as it was.
    """
    for name, (table, file, purpose) in DATASETS.items():
        if file.is_file():
            dataset = MetaDataset(
                resolve_dataset_source(file.as_posix()),
                name=name,
                digest=hash_content(file).sha256[:DIGEST_LENGTH],
                schema=Schema([_column(c.name, c.dtype) for c in table.columns]),
            )
            mlflow.log_input(dataset, context=purpose)


def _column(name: str, dtype: pa.DataType) -> ColSpec:
    if pa.types.is_list(dtype):
        return ColSpec(Array(TYPES[dtype.value_type]), name)
    return ColSpec(TYPES[dtype], name)
