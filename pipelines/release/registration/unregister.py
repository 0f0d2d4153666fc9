"""Takes releases out of the registry, and with them the models that no other release needs."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion

from inference.release import registered
from pipelines.release.model_registry import read_members

Registered = tuple[str, int]
"""A registered model's name and one of its versions."""


def unregister(client: MlflowClient, versions: Collection[int]) -> list[Registered]:
    """Delete these versions of the release model, and the models that only they needed.

    A planner or recommender stays while another release names it, a base model while a planner
    that stays was tuned from it, and each of them while it bears an alias. Only what the releases
    that go have named is looked at: what a publish under way has registered is none of that.

    Args:
        client: of the registry.
        versions: of the release model; they can then not be restored either.

    Returns:
        What was deleted, the releases first.
    """
    releases = _all_versions(client, registered.RELEASE_MODEL)
    going = [release for release in releases if int(release.version) in versions]
    staying = [release for release in releases if int(release.version) not in versions]
    members = _without_alias(client, _members(going) - _members(staying))
    planners = {
        (planner.name, int(planner.version))
        for planner in _all_versions(client, registered.PLANNER_MODEL)
    }
    bases = _without_alias(client, _bases(planners & members) - _bases(planners - members))
    gone = sorted((release.name, int(release.version)) for release in going)
    gone += sorted(members) + sorted(bases)
    for name, version in gone:
        _delete(client, name, version)
    return gone


def _members(releases: Iterable[ModelVersion]) -> set[Registered]:
    """Return the planners and recommenders that belong to these releases."""
    found: set[Registered] = set()
    for release in releases:
        members = read_members(release)
        found.add((registered.PLANNER_MODEL, members.planner_version))
        found.add((registered.RECOMMENDER_MODEL, members.recommender_version))
    return found


def _bases(planners: Iterable[Registered]) -> set[Registered]:
    """Return the base models that these planners were tuned from, as their settings name them."""
    found: set[Registered] = set()
    for name, version in planners:
        info = mlflow.models.get_model_info(f"models:/{name}/{version}")
        place = str(info.flavors["python_function"]["config"]["base"])
        _, base, base_version, *_ = place.split("/")  # models:/NAME/VERSION/artifacts/base
        found.add((base, int(base_version)))
    return found


def _without_alias(client: MlflowClient, models: Iterable[Registered]) -> set[Registered]:
    return {
        (name, version)
        for name, version in models
        if not client.get_model_version(name, str(version)).aliases
    }


def _delete(client: MlflowClient, name: str, version: int) -> None:
    model_id = client.get_model_version(name, str(version)).model_id
    client.delete_model_version(name, str(version))
    if model_id:
        client.delete_logged_model(model_id)


def _all_versions(client: MlflowClient, name: str) -> list[ModelVersion]:
    return list(client.search_model_versions(f"name = '{name}'"))
