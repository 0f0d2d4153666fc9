"""Frees cache and remote of what no registered release, no branch and no tag needs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from inference.release.registered import RELEASE_MODEL
from inference.release.release_source import ReleaseSource
from pipelines.io import paths
from pipelines.lifecycle.retire_releases import known_releases
from pipelines.release.dvc_storage import make_workspace
from pipelines.release.garbage import remove_garbage
from pipelines.release.git_builds import lay_out_builds
from pipelines.release.release_record import RECORD_FOLDER, RECORDED_FILES, read_record
from pipelines.release.tracking import open_tracking, tracking_uri


def collect_garbage(yes: bool, cloud: bool) -> Iterator[str]:
    """Say what is kept and remove the rest, or only count it unless ``yes``.

    Raises:
        UserError: a registered release does not say what it needs; nothing is removed then.
    """
    paths.VAR.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="garbage-", dir=paths.VAR) as scratch:
        kept = []
        for name, workspace in _builds(Path(scratch).resolve()):
            make_workspace(workspace)
            kept.append(workspace)
            yield f"keeps   {name}"
        yield "keeps   the working tree"
        garbage = remove_garbage(kept, cloud, dry_run=not yes)
    where = f"{garbage.cache:,} objects of the cache"
    where += f" and {garbage.remote:,} of the remote" if cloud else ""
    yield f"removed {where}" if yes else f"would remove {where}; `--yes` removes them"


def _builds(folder: Path) -> Iterator[tuple[str, Path]]:
    client, source = open_tracking(), ReleaseSource(tracking_uri())
    for release in sorted(known_releases(client), key=lambda known: known.version):
        build = folder / f"release-{release.version}"
        build.mkdir()
        with source.fetch_part(release.version, RECORD_FOLDER) as fetched:
            _, record = read_record(fetched.parent)
            for file in RECORDED_FILES:
                shutil.copyfile(record / file.name, build / file.name)
        yield f"{release.release_id[:12]}  {RELEASE_MODEL} version {release.version}", build
    for name, build in lay_out_builds(folder):
        yield f"dvc.lock of {name}", build
