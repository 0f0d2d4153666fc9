"""Opens the feature store: the one of this working tree, or a temporary one for a single stage."""

from __future__ import annotations

import logging
import os
import re
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from feast import FeatureService, FeatureStore, RepoConfig
from feast.constants import FEAST_FS_YAML_FILE_PATH_ENV_NAME
from feast.repo_config import RegistryConfig, load_repo_config

from expectations.contracts.errors import UserError
from expectations.contracts.values import BUILD_RELEASE
from feature_repo.definitions import Definitions, define
from pipelines.io import paths
from pipelines.io.tracking_address import make_room_for, tracking_uri

SETTINGS = "feature_store.yaml"
ENTITY_COLUMNS = ("user_id", "event_timestamp")

# Feast says at every start that a flag of ours is meant for other registries; see the settings.
logging.getLogger("feast.repo_config").setLevel(logging.ERROR)


def open_store(root: Path = Path()) -> FeatureStore:
    """Return the run-time store of the working tree at ``root``.

    Its settings are ``feature_store.yaml``, or the file that Feast's own variable
    ``FEAST_FS_YAML_FILE_PATH`` names.

    Raises:
        UserError: there are no settings at ``root``, none where the variable points, or they name
            variables that are not set.
    """
    _require_settings(root)
    chosen = os.environ.get(FEAST_FS_YAML_FILE_PATH_ENV_NAME)
    settings = Path(chosen) if chosen else root / paths.FEATURE_REPO / SETTINGS
    if not settings.is_file():
        remedy = f"correct or unset {FEAST_FS_YAML_FILE_PATH_ENV_NAME}"
        raise UserError(str(settings), "the file exists", remedy)
    _require_variables(settings)
    folder = (root / paths.FEATURE_REPO).resolve()
    store = FeatureStore(repo_path=str(folder), fs_yaml_file=settings.resolve())
    if store.config.mlflow_config:
        # Feast would let MLflow choose, which then makes a database in the working directory
        uri = tracking_uri(root)
        make_room_for(uri)
        store.config.mlflow_config = {"tracking_uri": uri, **store.config.mlflow_config}
    return store


@contextmanager
def open_offline_store(root: Path = Path()) -> Iterator[FeatureStore]:
    """Yield a store with the same settings, but a registry that vanishes and nothing online.

    A stage that retrieves history through it neither depends on run-time state nor alters it.
    """
    _require_settings(root)
    folder = (root / paths.FEATURE_REPO).resolve()
    settings: RepoConfig = load_repo_config(folder, folder / SETTINGS)
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
        config.repo_path = folder
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


def _require_settings(root: Path) -> None:
    settings = root / paths.FEATURE_REPO / SETTINGS
    if not settings.is_file():
        raise UserError(str(settings), "the file exists", "run from the top of the repository")


def _require_variables(settings: Path) -> None:
    """Raise :class:`UserError` unless every variable that the settings name is set.

    Feast would take ``${NAME}`` for the address itself.
    """
    named = set(re.findall(r"\$\{(\w+)\}", settings.read_text(encoding="utf-8")))
    unset = sorted(name for name in named if not os.environ.get(name))
    if unset:
        rule, remedy = "every variable in it is set", f"export {'=… '.join(unset)}=…"
        raise UserError(str(settings), rule, remedy, f"{', '.join(unset)} unset")
