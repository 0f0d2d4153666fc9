"""Looks whether the online store holds the rows of a release, by probing evenly spread keys."""

from __future__ import annotations

from functools import lru_cache

from expectations.contracts.forgotten import ForgottenUsers
from expectations.contracts.values import ClusterContext, all_contexts
from inference.features.online_features import FeatureReader
from inference.release.manifest import ReleaseManifest, probe_evenly


def find_missing_rows(
    reader: FeatureReader, manifest: ReleaseManifest, probes: int, forgotten: ForgottenUsers
) -> list[str]:
    """Return what is missing of a release's online rows; nothing if every probe was found.

    Probes are spread over the order in which rows are loaded and include the last one, so a
    load that stopped half-way is noticed.

    Args:
        reader: the online store.
        manifest: the release.
        probes: users, and table rows, looked up at most.
        forgotten: people whose rows may be gone.

    Raises:
        StoreUnreachableError: the store did not answer.
    """
    release_id = manifest.release_id
    left_out = forgotten.among(manifest.probe_users)
    users = probe_evenly([user for user in manifest.probe_users if user not in left_out], probes)
    contexts = _probe_contexts(manifest.counts.n_clusters, probes)
    n_users = len(reader.read_users(release_id, users))
    n_contexts = len(reader.fetch_rows(release_id, contexts))
    missing = []
    if not users or n_users < len(users):
        missing.append(f"features of users: {n_users} of {len(users)} probes are online")
    if not contexts or n_contexts < len(contexts):
        missing.append(f"table rows: {n_contexts} of {len(contexts)} probes are online")
    return missing


@lru_cache
def _probe_contexts(n_clusters: int, probes: int) -> list[ClusterContext]:
    """Return contexts spread evenly over a table; of 200 clusters there are twenty thousand."""
    rows = [context.key for context in all_contexts(n_clusters)]
    return [ClusterContext.parse(key) for key in probe_evenly(rows, probes)]
