"""Opens the feature store: the one of this working tree, or a temporary one for a single stage."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from feast import FeatureService, FeatureStore, RepoConfig
from feast.constants import FEAST_FS_YAML_FILE_PATH_ENV_NAME
from feast.repo_config import RegistryConfig

from expectations.contracts.values import BUILD_RELEASE
from feature_repo.definitions import Definitions, define
from pipelines.io import paths
from pipelines.io.tracking_address import make_room_for, tracking_uri
from pipelines.online.store_settings import read_store_settings

SETTINGS = "feature_store.yaml"
ENTITY_COLUMNS = ("user_id", "event_timestamp")


def open_store(root: Path = Path()) -> FeatureStore:
    """Return the run-time store of the working tree at ``root``.

    Its settings are ``feature_store.yaml``, or the file that Feast's own variable
    ``FEAST_FS_YAML_FILE_PATH`` names.

    Raises:
        UserError: there are no settings at ``root``, none where the variable points, or they are
            not what Feast takes.
    """
    if chosen := os.environ.get(FEAST_FS_YAML_FILE_PATH_ENV_NAME):
        absent = f"correct or unset {FEAST_FS_YAML_FILE_PATH_ENV_NAME}"
        settings = read_store_settings(Path(chosen), _folder(root), absent, is_online=True)
    else:
        settings = _read_own(root, is_online=True)
    store = FeatureStore(repo_path=str(settings.repo_path), config=settings)
    if store.config.mlflow_config:
        # Feast would let MLflow choose, which then makes a database in the working directory
        uri = tracking_uri(root)
        make_room_for(uri)
        store.config.mlflow_config = {"tracking_uri": uri, **store.config.mlflow_config}
    return store


def _folder(root: Path) -> Path:
    return (root / paths.FEATURE_REPO).resolve()


def _read_own(root: Path, *, is_online: bool) -> RepoConfig:
    file, absent = root / paths.FEATURE_REPO / SETTINGS, "run from the top of the repository"
    return read_store_settings(file, _folder(root), absent, is_online=is_online)


@contextmanager
def open_offline_store(root: Path = Path()) -> Iterator[FeatureStore]:
    """Yield a store with the same settings, but a registry that vanishes and nothing online.

    A stage that retrieves history through it neither depends on run-time state nor alters it.
    """
    settings = _read_own(root, is_online=False)
    with tempfile.TemporaryDirectory() as scratch:
        registry = RegistryConfig(path=str(Path(scratch) / "registry.db"))
        config = RepoConfig(
            project=settings.project,
            provider="local",  # nothing is online here
            registry=registry,
            offline_store=settings.offline_store.model_dump(),
            online_store=None,
            entity_key_serialization_version=settings.entity_key_serialization_version,
        )
        config.repo_path = settings.repo_path
        yield FeatureStore(config=config)


def apply_definitions(store: FeatureStore, root: Path = Path()) -> Definitions:
    """Register everything in ``feature_repo/`` over the offline files at ``root``; idempotent."""
    definitions = define(root.resolve())
    store.apply(definitions.objects())
    return definitions


def retrieve_as_of(
    store: FeatureStore, service: FeatureService, entities: pl.DataFrame, batch_rows: int
) -> pl.DataFrame:
    """Join each row of ``entities`` with the user's newest features at or before its time.

    Args:
        store: where ``service`` is applied.
        service: what to retrieve, from views keyed by release and user.
        entities: ``user_id``, ``event_timestamp`` (UTC) and any further columns, which stay.
        batch_rows: rows in one retrieval; memory grows with it.

    Returns:
        ``entities`` in order of user and time with the features beside them; null features where
        nothing had happened yet.
    """
    ordered = entities.sort(*ENTITY_COLUMNS)
    batches = [
        _retrieve_batch(store, service, batch) for batch in ordered.iter_slices(max(batch_rows, 1))
    ]
    return pl.concat(batches) if batches else _retrieve_batch(store, service, ordered)


def _retrieve_batch(
    store: FeatureStore, service: FeatureService, batch: pl.DataFrame
) -> pl.DataFrame:
    keyed = batch.with_columns(release_id=pl.lit(BUILD_RELEASE), row=pl.int_range(pl.len()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # between Feast's own dependencies
        job = store.get_historical_features(entity_df=keyed.to_pandas(), features=service)
        found = pl.DataFrame(pl.from_arrow(job.to_arrow()))
    if found.height != batch.height:
        raise RuntimeError(f"asked for {batch.height} rows of {service.name}, got {found.height}")
    features = [name for name in found.columns if name not in keyed.columns]
    beside = found.sort("row").select(features)
    return batch.hstack(beside)
