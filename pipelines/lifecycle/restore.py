"""Brings back the exact artefacts of a release."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient

from expectations.contracts.errors import ReleaseError
from inference.release.manifest import check_parts, read_manifest
from inference.release.registered import CHALLENGER, CHAMPION, PREVIOUS, RELEASE_MODEL
from inference.release.release_source import FetchedRelease, ReleaseSource
from pipelines.io import paths
from pipelines.release.code_version import read_code_version
from pipelines.release.dvc_storage import materialise
from pipelines.release.model_registry import find_release
from pipelines.release.release_parts import MEASURED, RELEASE_PARTS
from pipelines.release.release_record import LOCK_FILE, RECORDED_FILES, Origin, read_record
from pipelines.release.tracking import open_tracking, tracking_uri

ALIASES = (CHAMPION, CHALLENGER, PREVIOUS)


@dataclass(frozen=True)
class Restored:
    """What was restored: the release, where it came from, and where the files before it went."""

    release_id: str
    version: int
    origin: Origin
    replaced: Path | None


def restore(source: ReleaseSource, version: int) -> Restored:
    """Let the working tree hold the artefacts, ``dvc.lock`` and ``params.yaml`` of a release.

    Everything is laid out aside and compared with the manifest's hashes first; the tree is
    touched only when all of it is there. Files that differed are kept below ``var/``.

    Raises:
        UserError: cache and remote lack an artefact, or one is not what the manifest says.
    """
    paths.VAR.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="restore-", dir=paths.VAR) as scratch:
        aside = Path(scratch)
        with source.fetch(version) as fetched:
            origin = _lay_out(fetched, aside)
        replaced = _swap_in(aside)
        return Restored(fetched.manifest.release_id, version, origin, replaced)


def find_version(client: MlflowClient, source: ReleaseSource, wanted: str) -> int:
    """Return the version of a release named by alias, or by the beginning of its id.

    Raises:
        ReleaseError: there is no such release, or several.
    """
    if wanted in ALIASES:
        version = source.version_at(wanted)
        if version is not None:
            return version
    known = client.search_model_versions(f"name = '{RELEASE_MODEL}'")
    ids = {str(version.tags.get("release_id", "")) for version in known}
    matching = sorted(release for release in ids if wanted and release.startswith(wanted))
    found = find_release(client, matching[0]) if len(matching) == 1 else None
    if found is None:
        rule = f"one release answers to {wanted!r}"
        remedy = "name champion, challenger, previous or the beginning of a release id"
        raise ReleaseError(RELEASE_MODEL, rule, remedy, ", ".join(m[:12] for m in matching))
    return int(found.version)


def _lay_out(fetched: FetchedRelease, aside: Path) -> Origin:
    origin, record = read_record(fetched.folder)
    for file in RECORDED_FILES:
        shutil.copyfile(record / file.name, aside / file.name)
    materialise(aside)
    files = {name: aside / path for name, path in {**RELEASE_PARTS, **MEASURED}.items()}
    check_parts(fetched.manifest, files)
    if read_manifest(aside / paths.RELEASE) != fetched.manifest:
        rule = "is the manifest of the registered release"
        raise ReleaseError(str(paths.RELEASE), rule, "publish the release again")
    return origin


def _swap_in(aside: Path) -> Path | None:
    """Rename what was laid out into the tree, ``dvc.lock`` last; return where the old files are.

    ``dvc.yaml`` belongs to the code, not to the artefacts: the checked-out one stays.
    """
    swapped = (paths.ARTIFACTS, paths.METRICS, paths.PARAMS_FILE, LOCK_FILE)
    there = [path for path in swapped if path.exists()]
    kept = Path(tempfile.mkdtemp(prefix="before-restore-", dir=paths.VAR)) if there else None
    for path in swapped:
        if kept and path in there:
            path.replace(kept / path.name)
        if (aside / path).exists():
            (aside / path).replace(path)
    return kept


def restore_named(wanted: str) -> Restored:
    """Restore the release that an alias or the beginning of an id names."""
    client = open_tracking()
    source = ReleaseSource(tracking_uri())
    return restore(source, find_version(client, source, wanted))


def describe_restored(restored: Restored) -> Iterator[str]:
    """Say what was restored and whether the code beside it is the same."""
    origin, code = restored.origin, read_code_version()
    yield (
        f"release {restored.release_id[:12]} (version {restored.version}): artefacts, dvc.lock and "
        f"params.yaml are back, every part checked against its hash"
    )
    if restored.replaced:
        yield f"what lay here before is in {restored.replaced}"
    built = f"commit {origin.git_commit[:12]}"
    if origin.git_dirty:
        yield f"note: it was built by {built} with edits that nobody kept"
    elif code.commit != origin.git_commit:
        yield f"note: it was built by {built}; this is {code.commit[:12]}"
    elif code.is_dirty:
        yield f"note: it was built by {built}; the code here has edits since"
    else:
        yield f"the code here is identical: {built}"
