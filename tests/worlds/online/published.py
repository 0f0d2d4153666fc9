"""Releases of the small serving world in a real registry and a real online store."""

from __future__ import annotations

from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path

from inference.release.manifest import read_manifest
from pipelines.io import paths
from pipelines.lifecycle.publish import publish
from pipelines.online.feature_store import open_store
from pipelines.params.params import read_params
from pipelines.release.registration.members import register_release
from pipelines.release.tracking import open_tracking, run_of_release
from pipelines.stages import release
from tests.worlds.online.serving import (
    likes_around_the_ring,
    write_figures,
    write_gates,
    write_plans,
)


@dataclass(frozen=True)
class PublishedReleases:
    """A working tree whose registry and online store hold several releases.

    ``first`` and ``second`` are sound; ``worse`` is too, but its recall is far below theirs. It is
    what the tree itself holds.
    ``ungated`` did not pass its gates, ``unloaded`` has no rows in the online store.
    """

    root: Path
    first: int
    second: int
    worse: int
    ungated: int
    unloaded: int


def publish_releases(root: Path) -> PublishedReleases:
    """Publish several releases from the tree at ``root``, which :func:`build_tree` has filled."""
    ring = likes_around_the_ring()
    with chdir(root):
        first = _publish_as_built()
        write_plans(ring.T)
        write_figures(0.48)
        second = _publish_as_built()
        write_plans(ring * 2)
        write_gates(passed=False)
        ungated = _publish_as_built()
        write_plans(ring * 3)
        write_gates(passed=True)
        unloaded = _register_only()
        write_plans(ring * 4)
        write_figures(0.2)
        worse = _publish_as_built()
    return PublishedReleases(root, first, second, worse, ungated, unloaded)


def _publish_as_built() -> int:
    release.main(read_params())
    _, version, _ = publish(open_store(), open_tracking(), read_manifest(paths.RELEASE))
    return version


def _register_only() -> int:
    release.main(read_params())
    client, manifest = open_tracking(), read_manifest(paths.RELEASE)
    with run_of_release(client, manifest.release_id):
        return register_release(client, manifest)
