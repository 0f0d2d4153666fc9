"""Registers planner, recommender and release in MLflow and moves the release's aliases."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from inference.release import registered
from inference.release.manifest import MANIFEST_FILE, ReleaseManifest
from pipelines.io import paths
from pipelines.io.artefact_io import read_figures, write_json
from pipelines.release import logged_models, release_parts
from pipelines.release.code_version import read_code_version
from pipelines.release.release_record import write_record
from pipelines.release.tracking import LOCK_TAG, RELEASE_TAG, lock_hash
from training.planner.base.base_reference import fingerprint_base

CONTENT_TAG = "content_sha256"
DATA_CARD = "data_card"
CODE = Path(next(iter(logged_models.__path__)))
REQUIREMENTS = ("mlflow", "torch", "transformers", "peft", "safetensors", "polars", "pyarrow")


@dataclass(frozen=True)
class LoggedFolder:
    """One model to log.

    Attributes:
        name: under which it is registered.
        code: file of :mod:`pipelines.release.logged_models` that loads it.
        artefacts: name to file or folder of what is stored with it.
        content_sha256: its identity; of the same content there is one version.
        description: for people.
        config: what the code is given beside the artefacts.
        headlines: how those of ``metrics/summary.json`` begin that are about it.
    """

    name: str
    code: str
    artefacts: Mapping[str, Path]
    content_sha256: str
    description: str
    config: Mapping[str, str]
    headlines: str


def find_release(client: MlflowClient, release_id: str) -> ModelVersion | None:
    """Return the newest version of the release of this id, ``None`` if there is none."""
    return _find(client, registered.RELEASE_MODEL, RELEASE_TAG, release_id)


def find_registered(client: MlflowClient, manifest: ReleaseManifest) -> ModelVersion | None:
    """Return the version that carries this very manifest, ``None`` if there is none.

    The same parts with another gate report or other figures are another version.
    """
    return _find(client, registered.RELEASE_MODEL, CONTENT_TAG, _digest(manifest))


def version_at(client: MlflowClient, alias: str) -> ModelVersion | None:
    """Return the release version that an alias points to, ``None`` if it points to none."""
    try:
        return client.get_model_version_by_alias(registered.RELEASE_MODEL, alias)
    except MlflowException:
        return None


def point_alias(client: MlflowClient, alias: str, release_version: int) -> None:
    """Let an alias of the release model point to this version."""
    client.set_registered_model_alias(registered.RELEASE_MODEL, alias, str(release_version))


def remove_alias(client: MlflowClient, alias: str) -> None:
    """Take an alias away from the release model, if it is there."""
    if version_at(client, alias) is not None:
        client.delete_registered_model_alias(registered.RELEASE_MODEL, alias)


def registered_versions(client: MlflowClient) -> set[int]:
    """Return the versions that the release model has now; deleted ones are not among them."""
    found = client.search_model_versions(f"name = '{registered.RELEASE_MODEL}'")
    return {int(version.version) for version in found}


def register_release(client: MlflowClient, manifest: ReleaseManifest) -> int:
    """Log and register planner, recommender and release inside the active run.

    A planner or recommender of the same content is not registered twice.

    Returns:
        The version of the release model.
    """
    planner = _register_once(client, _planner_of(manifest))
    recommender = _register_once(client, _recommender_of(manifest))
    with tempfile.TemporaryDirectory(prefix="release-") as scratch:
        folder = Path(scratch) / registered.RELEASE_FOLDER
        folder.mkdir()
        write_json(manifest.to_json(), folder / MANIFEST_FILE)
        registered.ReleaseMembers(planner, recommender).write(folder)
        write_record(folder, read_code_version())
        for source, target in release_parts.carried_files(folder).items():
            _copy(source, target)
        release = _release_of(manifest, folder, planner, recommender)
        return _register(client, release, **{RELEASE_TAG: manifest.release_id})


def _planner_of(manifest: ReleaseManifest) -> LoggedFolder:
    fingerprint = fingerprint_base(paths.BASE_MODEL)
    return LoggedFolder(
        name=registered.PLANNER_MODEL,
        code="planner.py",
        artefacts={"adapter": paths.PLANNER_ADAPTER, DATA_CARD: paths.metrics_of("curation")},
        content_sha256=manifest.parts["planner_adapter"].sha256,
        description="LoRA adapter that writes the next novel interest; the base is not included.",
        config={"base_folder": str(paths.BASE_MODEL), "base_fingerprint": fingerprint},
        headlines="planner_",
    )


def _recommender_of(manifest: ReleaseManifest) -> LoggedFolder:
    return LoggedFolder(
        name=registered.RECOMMENDER_MODEL,
        code="recommender.py",
        artefacts={"recommender": paths.RECOMMENDER, DATA_CARD: paths.metrics_of("curation")},
        content_sha256=manifest.parts["recommender"].sha256,
        description="Transformer sequence model over items, restrictable to interest clusters.",
        config={},
        headlines="recommender_",
    )


def _release_of(
    manifest: ReleaseManifest, folder: Path, planner: int, recommender: int
) -> LoggedFolder:
    counts = manifest.counts
    return LoggedFolder(
        name=registered.RELEASE_MODEL,
        code="release.py",
        artefacts={registered.RELEASE_FOLDER: folder},
        content_sha256=_digest(manifest),
        description=(
            f"Release {manifest.release_id[:12]}: planner version {planner}, recommender version "
            f"{recommender}, {counts.n_clusters} clusters, {counts.n_contexts} table rows, "
            f"features of {counts.n_users} users."
        ),
        config={},
        headlines="",
    )


def _register_once(client: MlflowClient, model: LoggedFolder) -> int:
    known = _find(client, model.name, CONTENT_TAG, model.content_sha256)
    return int(known.version) if known else _register(client, model)


def _register(client: MlflowClient, model: LoggedFolder, **tags: str) -> int:
    info = mlflow.pyfunc.log_model(
        name=model.name,
        python_model=str(CODE / model.code),
        artifacts={name: str(path) for name, path in model.artefacts.items()},
        model_config=dict(model.config),
        pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
        metadata={CONTENT_TAG: model.content_sha256},
    )
    headlines = read_figures(paths.metrics_of("summary"))
    own = {name: value for name, value in headlines.items() if name.startswith(model.headlines)}
    mlflow.log_metrics(own, model_id=info.model_id)
    _ensure_model(client, model.name)
    made = client.create_model_version(
        model.name,
        info.model_uri,
        run_id=info.run_id,
        tags={
            CONTENT_TAG: model.content_sha256,
            LOCK_TAG: lock_hash(),
            **read_code_version().tags(),
            **tags,
        },
        description=model.description,
        model_id=info.model_id,
    )
    return int(made.version)


def _ensure_model(client: MlflowClient, name: str) -> None:
    try:
        client.get_registered_model(name)
    except MlflowException:
        client.create_registered_model(name)


def _find(client: MlflowClient, name: str, tag: str, value: str) -> ModelVersion | None:
    found = client.search_model_versions(f"name = '{name}' and tag.`{tag}` = '{value}'")
    return max(found, key=lambda v: int(v.version)) if found else None


def _digest(manifest: ReleaseManifest) -> str:
    content = json.dumps(manifest.to_json(), sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)
