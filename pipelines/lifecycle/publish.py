"""Publishes a release: features online, models registered; safe to run again."""

from __future__ import annotations

from feast import FeatureStore
from mlflow import MlflowClient

from expectations.contracts.forgotten import read_forgotten
from expectations.contracts.values import DataSeen
from expectations.gates.project import take_in_notes
from inference.release.manifest import ReleaseManifest, check_parts, read_manifest
from inference.release.registered import CHALLENGER, RELEASE_MODEL
from pipelines.io import paths
from pipelines.io.artefact_io import read_json
from pipelines.online.feature_store import apply_definitions, open_store
from pipelines.online.live_events import replay_events
from pipelines.online.online_store import FeatureFiles, OnlineRows, write_release_rows
from pipelines.params.params import read_params
from pipelines.release.case_figures import CaseFigures
from pipelines.release.dvc_storage import push_artefacts
from pipelines.release.lineage import log_lineage
from pipelines.release.model_registry import find_registered, members_follow, point_alias
from pipelines.release.registration.members import register_release
from pipelines.release.release_parts import MEASURED, RELEASE_PARTS
from pipelines.release.release_record import check_lock
from pipelines.release.tracking import open_tracking, run_of_release
from pipelines.report.release_report import log_report


def publish_built() -> None:
    """Publish the release in the working tree and say what was done."""
    manifest = read_manifest(paths.RELEASE)
    check_parts(manifest, {**RELEASE_PARTS, **MEASURED})
    check_lock()
    remote = push_artefacts()
    client = open_tracking()
    rows, version, is_new = publish(open_store(), client, manifest)
    if is_new:
        log_report(client, version)
    take_in_notes(paths.GUARD_NOTES, paths.GUARD_PROJECT)
    state = "registered as" if is_new else "was already"
    print(
        f"release {manifest.release_id[:12]}: {rows.users:,} users and {rows.contexts:,} table "
        f"rows online ({rows.read_back:,} read back); {state} {RELEASE_MODEL} version {version}, "
        f"alias {CHALLENGER}"
    )
    if remote:
        print(f"its artefacts are in the dvc remote {remote}")


def publish(
    store: FeatureStore, client: MlflowClient, manifest: ReleaseManifest
) -> tuple[OnlineRows, int, bool]:
    """Load the release's rows, register it once, and let the challenger alias point to it.

    Live events that its data does not hold are written again after the load.

    Returns:
        What was loaded, the release's version, and whether that version is new.

    Raises:
        UserError: figures of its cases are not what a promotion could read.
    """
    CaseFigures.read(MEASURED)
    apply_definitions(store)
    files = FeatureFiles(
        paths.USER_CLUSTER_HISTORY, paths.USER_ITEM_HISTORY, paths.NOVEL_CLUSTER_TABLE
    )
    forgotten = read_forgotten(paths.FORGOTTEN_USERS)
    rows = write_release_rows(store, files, manifest.release_id, forgotten)
    seen = DataSeen.from_json(read_json(paths.DATA_SEEN))
    replay_events(seen.events_until_us, read_params().serving)
    known = find_registered(client, manifest)
    if known is None:
        with run_of_release(client, manifest.release_id):
            log_lineage(store, manifest)
            version = register_release(client, manifest)
    else:
        version = int(known.version)
    point_alias(client, CHALLENGER, version)
    members_follow(client, CHALLENGER)
    return rows, version, known is None
