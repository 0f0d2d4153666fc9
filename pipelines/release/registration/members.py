"""The models of a release as they are registered: base, planner, recommender, the whole."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from mlflow import MlflowClient

from expectations.contracts.tables import CLUSTERS, ITEM_TITLES
from inference.release import registered
from inference.release.manifest import MANIFEST_FILE, ReleaseManifest
from pipelines.io import paths
from pipelines.io.artefact_io import read_table, write_json
from pipelines.release import release_parts
from pipelines.release.code_version import read_code_version
from pipelines.release.model_registry import digest_of
from pipelines.release.registration.logged_model import ModelToLog, register, register_once
from pipelines.release.release_record import write_record
from pipelines.release.tracking import RELEASE_TAG
from training.planner.base.base_reference import fingerprint_base, read_reference
from training.planner.prompt import render_prompt

DATA_CARD = "data_card"
BASE_FILES = (".safetensors", ".json", ".txt", ".model", ".jinja", ".md")
"""Of a base model's folder: weights, tokenizer, licence and card. Pickles stay where they are."""


def register_release(client: MlflowClient, manifest: ReleaseManifest) -> int:
    """Log and register base model, planner, recommender and release inside the active run.

    What has the same content as a registered version is not registered twice.

    Returns:
        The version of the release model.
    """
    descriptions = _read_descriptions(manifest.serving_level)
    with TemporaryDirectory(prefix="release-") as scratch:
        base = _register_base(client, descriptions, Path(scratch))
        file = Path(scratch) / "descriptions.json"
        write_json(descriptions, file)
        planner = register_once(client, _planner_of(manifest, base, descriptions, file))
        recommender = register_once(client, _recommender_of(manifest))
        folder = Path(scratch) / registered.RELEASE_FOLDER
        folder.mkdir()
        write_json(manifest.to_json(), folder / MANIFEST_FILE)
        registered.ReleaseMembers(planner, recommender).write(folder)
        write_record(folder, read_code_version())
        for source, target in release_parts.carried_files(folder).items():
            _copy(source, target)
        return register(client, _release_of(manifest, folder, planner, recommender))


def _register_base(client: MlflowClient, descriptions: dict[str, int], scratch: Path) -> int:
    fingerprint = fingerprint_base(paths.BASE_MODEL)
    with _base_files(scratch) as (folder, origin):
        base = ModelToLog(
            name=registered.BASE_LANGUAGE_MODEL,
            purpose="The language model that planners are tuned from; a planner fetches its own.",
            code="base.py",
            artefacts={"base": folder},
            content_sha256=fingerprint,
            description=f"{origin}, fingerprint {fingerprint[:12]}.",
            example=[render_prompt(sorted(descriptions, key=descriptions.__getitem__)[:1])],
        )
        return register_once(client, base)


@contextmanager
def _base_files(scratch: Path) -> Iterator[tuple[Path, str]]:
    """Yield a folder with what is kept of the base model, and where the model is from."""
    reference = read_reference(paths.BASE_MODEL)
    if reference is not None and reference.revision is not None:
        yield paths.BASE_MODEL, f"{reference.base_model} at commit {reference.revision}, by name"
        return
    source = Path(reference.base_model) if reference else paths.BASE_MODEL
    kept = [f for f in source.iterdir() if f.suffix in BASE_FILES or f.stem == "LICENSE"]
    folder = scratch / "base"
    folder.mkdir()
    for file in kept:
        shutil.copyfile(file, folder / file.name)  # MLflow follows no link out of a folder
    yield folder, f"a copy of the folder {source.name}" if reference else "the embedded base model"


def _planner_of(
    manifest: ReleaseManifest, base: int, descriptions: dict[str, int], file: Path
) -> ModelToLog:
    adapter, tree = manifest.parts["planner_adapter"], manifest.parts["clusters"]
    first = sorted(descriptions, key=descriptions.__getitem__)[:2]
    return ModelToLog(
        name=registered.PLANNER_MODEL,
        purpose="Writes the next novel interest after one or two interests, given as described.",
        code="planner.py",
        artefacts={
            "adapter": paths.PLANNER_ADAPTER,
            "descriptions": file,
            DATA_CARD: paths.metrics_of("curation"),
        },
        content_sha256=hashlib.sha256(f"{adapter.sha256}{tree.sha256}".encode()).hexdigest(),
        description=(
            f"LoRA adapter that writes the next novel interest; its base is version {base} of "
            f"{registered.BASE_LANGUAGE_MODEL}."
        ),
        example=[first],
        config={
            "base": f"models:/{registered.BASE_LANGUAGE_MODEL}/{base}/artifacts/base",
            "base_fingerprint": fingerprint_base(paths.BASE_MODEL),
            "base_folder": "",
        },
        headlines="planner_",
    )


def _recommender_of(manifest: ReleaseManifest) -> ModelToLog:
    items = read_table(paths.ITEM_TITLES, ITEM_TITLES)["item_id"]
    return ModelToLog(
        name=registered.RECOMMENDER_MODEL,
        purpose="Ranks the catalogue for a person by recent items, newest first.",
        code="recommender.py",
        artefacts={"recommender": paths.RECOMMENDER, DATA_CARD: paths.metrics_of("curation")},
        content_sha256=manifest.parts["recommender"].sha256,
        description="Transformer sequence model over items, restrictable to interest clusters.",
        example=[items.head(2).to_list()],
        headlines="recommender_",
    )


def _release_of(
    manifest: ReleaseManifest, folder: Path, planner: int, recommender: int
) -> ModelToLog:
    counts = manifest.counts
    return ModelToLog(
        name=registered.RELEASE_MODEL,
        purpose=(
            "What is served, as one: tree, planner, table, recommender and features that belong "
            "together. Its alias champion is in service; `explorer promote` moves it."
        ),
        code="release.py",
        artefacts={registered.RELEASE_FOLDER: folder},
        content_sha256=digest_of(manifest),
        description=(
            f"Release {manifest.release_id[:12]}: planner version {planner}, recommender version "
            f"{recommender}, {counts.n_clusters} clusters, {counts.n_contexts} table rows, "
            f"features of {counts.n_users} users."
        ),
        example=[sorted(manifest.parts)[0]],
        headlines="",
        tags={RELEASE_TAG: manifest.release_id},
    )


def _read_descriptions(serving_level: int) -> dict[str, int]:
    """Return cluster id by description, of the level that planners plan at."""
    nodes = read_table(paths.CLUSTERS, CLUSTERS).filter(pl.col("level") == serving_level)
    return dict(zip(nodes["description"].to_list(), nodes["cluster_id"].to_list(), strict=True))


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)
