"""Finds the models of a release in MLflow's registry and moves the release's aliases."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException

from expectations.contracts.errors import ReleaseError
from inference.release import registered
from inference.release.manifest import ReleaseManifest
from pipelines.release.tracking import RELEASE_TAG
from pipelines.release.tracking_database import once

log = logging.getLogger(__name__)

CONTENT_TAG = "content_sha256"


def find_release(client: MlflowClient, release_id: str) -> ModelVersion | None:
    """Return the newest version of the release of this id, ``None`` if there is none."""
    return find_model(client, registered.RELEASE_MODEL, RELEASE_TAG, release_id)


def find_registered(client: MlflowClient, manifest: ReleaseManifest) -> ModelVersion | None:
    """Return the version that carries this very manifest, ``None`` if there is none.

    The same parts with another gate report or other figures are another version.
    """
    return find_model(client, registered.RELEASE_MODEL, CONTENT_TAG, digest_of(manifest))


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
    return _versions_of(client, registered.RELEASE_MODEL)


def members_follow(client: MlflowClient, alias: str) -> None:
    """Let the alias of the release stand at its planner and its recommender too.

    For who looks at those alone. Readers of a release take what its own artefact names, never
    these: aliases move one by one.
    """
    members = {registered.PLANNER_MODEL: 0, registered.RECOMMENDER_MODEL: 0}
    release = version_at(client, alias)
    if release is not None:
        try:
            found = read_members(release)
        except (MlflowException, OSError, ReleaseError) as error:
            log.warning("version %s names no members: %s", release.version, error)
            return
        members[registered.PLANNER_MODEL] = found.planner_version
        members[registered.RECOMMENDER_MODEL] = found.recommender_version
    for name, member in members.items():
        if member in _versions_of(client, name):
            client.set_registered_model_alias(name, alias, str(member))
            continue
        if member:
            log.warning("version %s of %s was deleted: it gets no alias %s", member, name, alias)
        if client.search_registered_models(f"name = '{name}'"):
            client.delete_registered_model_alias(name, alias)


def read_members(release: ModelVersion) -> registered.ReleaseMembers:
    """Return which versions of the other models belong to a version of the release model."""
    file = registered.RELEASE_PATH / registered.MEMBERS_FILE
    uri = f"models:/{release.name}/{release.version}/{file.as_posix()}"
    with TemporaryDirectory(prefix="members-") as scratch:
        fetched = Path(mlflow.artifacts.download_artifacts(uri, dst_path=scratch))
        return registered.ReleaseMembers.read(fetched.parent)


def describe_model(client: MlflowClient, name: str, purpose: str) -> None:
    """Make the registered model with its purpose; one that people described keeps their words."""
    try:
        known = client.get_registered_model(name)
    except MlflowException:
        with once():
            client.create_registered_model(name, description=purpose)
        return
    if not known.description:
        client.update_registered_model(name, purpose)


def find_model(client: MlflowClient, name: str, tag: str, value: str) -> ModelVersion | None:
    """Return the newest version of a registered model that bears this tag, ``None`` without."""
    found = client.search_model_versions(f"name = '{name}' and tag.`{tag}` = '{value}'")
    return max(found, key=lambda v: int(v.version)) if found else None


def digest_of(manifest: ReleaseManifest) -> str:
    """Return the SHA-256 of all that a manifest says, figures and gates included."""
    content = json.dumps(manifest.to_json(), sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _versions_of(client: MlflowClient, name: str) -> set[int]:
    return {int(version.version) for version in client.search_model_versions(f"name = '{name}'")}
