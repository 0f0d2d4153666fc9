"""Old releases' online rows go, and on request their artefacts."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter

from feast import FeatureStore
from mlflow import MlflowClient

from expectations.contracts.tables import RELEASE
from inference.release.registered import CHAMPION, RELEASE_MODEL
from pipelines.online.feature_store import open_store
from pipelines.online.online_rows import EntityKey, count_online_rows, remove_online_rows
from pipelines.params.params import read_params
from pipelines.params.retention import RetentionConfig
from pipelines.release.model_registry import version_at
from pipelines.release.promotion_history import PromotionHistory
from pipelines.release.registration.unregister import unregister
from pipelines.release.retention import (
    KnownRelease,
    RetirementPlan,
    plan_retirement,
    reasons_to_keep,
)
from pipelines.release.tracking import RELEASE_TAG, open_tracking


def retire_old(dry_run: bool, unregistered: bool, artefacts: bool) -> None:
    """Say what is kept and why, and remove the rest unless it is a dry run.

    Args:
        dry_run: print only.
        unregistered: rows too of loads that never ended; none may run.
        artefacts: take the versions that nothing keeps out of the registry too.
    """
    store, client = open_store(), open_tracking()
    config = read_params().retention
    plan = make_plan(store, client, config)
    for release_id, reason in plan.kept.items():
        print(f"keeps   {release_id[:12]}  {reason}")
    going = {**plan.retired, **(plan.unregistered if unregistered else {})}
    for release_id, n_rows in plan.unregistered.items():
        if not unregistered:
            print(f"keeps   {release_id[:12]}  {n_rows:,} rows of a load that has not ended")
    for release_id, n_rows in going.items():
        print(f"removes {release_id[:12]}  {n_rows:,} rows")
    if artefacts:
        for release_id in sorted(plan.unneeded):
            print(f"removes {release_id[:12]}  from the registry")
    if dry_run:
        print("dry run: nothing was removed")
        return
    removed = retire(store, set(going))
    print(f"removed {removed:,} rows of {len(going)} releases")
    if artefacts:
        unneeded = [r.version for r in known_releases(client) if r.release_id in plan.unneeded]
        for name, versions in groupby(unregister(client, unneeded), key=itemgetter(0)):
            print(f"took out {name} {', '.join(str(version) for _, version in versions)}")
        print("`mlflow gc` and `explorer collect-garbage` free their disk")


def make_plan(store: FeatureStore, client: MlflowClient, config: RetentionConfig) -> RetirementPlan:
    """Look at store and registry, and say what would go."""
    releases = known_releases(client)
    found = version_at(client, CHAMPION)
    champion = int(found.version) if found else None
    promotions = PromotionHistory(client).read(champion)
    kept = reasons_to_keep(releases, promotions, champion, datetime.now(UTC), config)
    rows = count_online_rows(store, lambda key: key.get(RELEASE.name))
    return plan_retirement(rows, {release.release_id for release in releases}, kept)


def retire(store: FeatureStore, release_ids: set[str]) -> int:
    """Remove every online row of these releases and return how many there were."""

    def is_unwanted(key: EntityKey) -> bool:
        return key.get(RELEASE.name) in release_ids

    return remove_online_rows(store, is_unwanted) if release_ids else 0


def known_releases(client: MlflowClient) -> list[KnownRelease]:
    """Return every registered version of the release model; none before the first publish."""
    aliases: dict[int, list[str]] = {}
    for model in client.search_registered_models(f"name = '{RELEASE_MODEL}'"):
        for alias, version in model.aliases.items():
            aliases.setdefault(int(version), []).append(alias)
    return [
        KnownRelease(
            version=int(found.version),
            release_id=str(found.tags.get(RELEASE_TAG, "")),
            published=datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
            aliases=tuple(aliases.get(int(found.version), ())),
        )
        for found in client.search_model_versions(f"name = '{RELEASE_MODEL}'")
    ]
