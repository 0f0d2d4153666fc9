"""The manifest of a release: what it holds, hash by hash, what its gates said, how it measured."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from pydantic import TypeAdapter

from expectations.contracts.content_hash import ContentHash, hash_content
from expectations.contracts.durable import SCHEMA, schema_of
from expectations.contracts.errors import ReleaseError
from expectations.contracts.tables import LIST_FIGURES, PLAN_FIGURES
from expectations.contracts.values import release_id_of
from training.clusters.lineage.change_records import ReusedId

MANIFEST_FILE = "release.json"
MANIFEST_SCHEMA = 2
"""1 was the same without the field."""

SERVED_PARTS: Mapping[str, str] = {
    "clusters": "clusters.parquet",
    "item_clusters": "item_clusters.parquet",
    "tree_centroids": "tree_centroids",
    "item_titles": "item_titles.parquet",
    "item_popularity": "item_popularity.parquet",
    "plan": "plan.json",
    "alignment": "alignment.safetensors",
    "data_seen": "data_seen.json",
    "recommender": "recommender",
}
"""The parts that a service loads, and the name of each inside the release artefact.

The rest is only named by its hash: planner and base model stay offline, table and histories are
in the online store.
"""

MEASURED_FILES: Mapping[str, str] = {
    PLAN_FIGURES.name: "plan_figures.parquet",
    LIST_FIGURES.name: "list_figures.parquet",
}
"""The figures of single cases that a release carries, for the comparison with another one."""


@dataclass(frozen=True)
class ReleaseCounts:
    """How many rows a complete release has in the online store, and how large its world is."""

    n_users: int
    n_items: int
    n_clusters: int
    n_contexts: int


@dataclass(frozen=True)
class GateVerdict:
    """One rule of one guard: the figure it met, its bounds, and the reason if it did not hold."""

    guard: str
    metric: str
    figure: float | None
    minimum: float | None
    maximum: float | None
    severity: str
    passed: bool
    reason: str


@dataclass(frozen=True)
class ClusterIds:
    """Which cluster ids mean something else than in the tree that this release's goes on from.

    Attributes:
        previous_tree: content hash of that tree; ``None`` where ids have nothing to do with those
            of any earlier tree.
        reused: the ids that changed their meaning; every other id means what it meant.
    """

    previous_tree: str | None
    reused: tuple[ReusedId, ...]


@dataclass(frozen=True)
class ReleaseManifest:
    """One release. Its id follows from the hashes of its parts and from nothing else.

    Attributes:
        parts: name to content hash of everything the release holds.
        serving_level: level of the cluster tree that plans and features speak in.
        counts: sizes, among them how many rows the online store must hold.
        gates: verdicts of the blocking gates; empty if they were never run.
        measured: name to content hash of the figures of single cases, :data:`MEASURED_FILES`.
        probe_users: some users who have rows, first and last among them, for a quick check.
        cluster_ids: how the meaning of cluster ids has changed.
    """

    parts: Mapping[str, ContentHash]
    serving_level: int
    counts: ReleaseCounts
    gates: tuple[GateVerdict, ...]
    measured: Mapping[str, ContentHash]
    probe_users: tuple[str, ...]
    cluster_ids: ClusterIds

    @cached_property
    def release_id(self) -> str:
        """The SHA-256 over names and hashes of the parts."""
        return release_id_of({name: part.sha256 for name, part in self.parts.items()})

    def refusals(self) -> list[str]:
        """Return why the gates forbid to serve this release; those that only warn never do."""
        if not self.gates:
            return ["it carries no gate report"]
        broken = (v for v in self.gates if not v.passed and v.severity != "warn")
        return [f"gate on {v.metric}: {v.reason}" for v in broken]

    def to_json(self) -> dict[str, object]:
        """Return the manifest as JSON content; :meth:`from_json` is its inverse."""
        return {SCHEMA: MANIFEST_SCHEMA, "release_id": self.release_id, **asdict(self)}

    @classmethod
    def from_json(
        cls, content: Mapping[str, object], where: str = MANIFEST_FILE
    ) -> ReleaseManifest:
        """Return the manifest that :meth:`to_json` wrote, in this schema or an earlier one.

        Raises:
            ReleaseError: the schema is a later one, a field is missing, or the stated id is not
                that of the parts.
        """
        schema_of(content, MANIFEST_SCHEMA, where)
        try:
            manifest = TypeAdapter(cls).validate_python(content)
            stated = str(content["release_id"])
        except (KeyError, ValueError) as error:
            rule = "is a release manifest"
            remedy = "build and publish the release again with this version"
            raise ReleaseError(where, rule, remedy, repr(error)) from None
        if stated != manifest.release_id:
            rule = "the release id is the hash of the parts"
            raise ReleaseError(where, rule, "publish the release again", stated[:12])
        return manifest


def read_manifest(file: Path) -> ReleaseManifest:
    """Return the manifest in ``file``.

    Raises:
        ReleaseError: there is no such file, or it holds no sound manifest.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        rule = "holds a release manifest"
        raise ReleaseError(str(file), rule, "run `dvc repro`", type(error).__name__) from None
    if not isinstance(content, dict):
        raise ReleaseError(str(file), "holds a release manifest", "run the release stage")
    return ReleaseManifest.from_json(content, str(file))


def check_parts(manifest: ReleaseManifest, files: Mapping[str, Path]) -> None:
    """Raise :class:`ReleaseError` unless each of ``files`` holds what the manifest says.

    Args:
        manifest: the release.
        files: name of a part, or of figures, to where it lies; only these are checked.
    """
    named = {**manifest.measured, **manifest.parts}
    for name, path in files.items():
        if name not in named:
            rule = f"the manifest names the part {name}"
            raise ReleaseError(manifest.release_id[:12], rule, "publish the release again")
        if not path.exists():
            raise ReleaseError(str(path), f"the part {name} is there", "publish the release again")
        found = hash_content(path)
        if found != named[name]:
            rule = f"the part {name} hashes to {named[name].sha256[:12]}"
            remedy = "rebuild with `dvc repro`, then publish again"
            raise ReleaseError(str(path), rule, remedy, found.sha256[:12])


def probe_evenly(keys: list[str], limit: int) -> tuple[str, ...]:
    """Return at most ``limit`` of ``keys``, evenly spread, the first and the last among them.

    A load that stops half-way leaves the last rows out, so these tell.
    """
    if len(keys) <= limit:
        return tuple(keys)
    last = len(keys) - 1
    return tuple(keys[round(probe * last / (limit - 1))] for probe in range(limit))
