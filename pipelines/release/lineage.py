"""Links the MLflow run of a release with the features it is served from, by Feast's own means."""

from __future__ import annotations

from feast import FeatureStore

from expectations.contracts.tables import RELEASE, USER
from inference.features.online_features import USER_SERVICE
from inference.release.manifest import ReleaseManifest

USERS_READ = 10
"""Of one feature service they have the same lineage; a few tell it even where some are gone."""


def log_lineage(store: FeatureStore, manifest: ReleaseManifest) -> None:
    """Read features of some users within the MLflow run under way, which Feast notes there.

    From then on Feast's pages show the run and the models registered from it beside the feature
    service, and ``store.mlflow.resolve_features("models:/…")`` answers with that service.
    """
    users = manifest.probe_users[:USERS_READ]
    if users:
        service = store.get_feature_service(USER_SERVICE)
        rows = [{RELEASE.name: manifest.release_id, USER.name: user} for user in users]
        store.get_online_features(service, rows)
