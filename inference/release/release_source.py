"""Fetches releases from the MLflow registry and checks that they are what they claim to be."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.exceptions import MlflowException

from expectations.contracts.errors import ReleaseError
from inference.release.manifest import (
    MANIFEST_FILE,
    MEASURED_FILES,
    SERVED_PARTS,
    ReleaseManifest,
    check_parts,
    read_manifest,
)
from inference.release.registered import CALIBRATED_SHARE, RELEASE_MODEL, RELEASE_PATH
from inference.release.registry_answer import RegistryUnreachableError, require_registry

NOT_THERE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
"""What MLflow answers for an unknown model, and for an unknown alias of a known one."""


@dataclass(frozen=True)
class FetchedRelease:
    """The files of one registered release, checked against its manifest.

    ``prepared`` is what a recommender makes of them at its start, where that was made already.
    """

    version: int
    folder: Path
    manifest: ReleaseManifest
    prepared: Path | None = None


class ReleaseSource:
    """Reads the registry at ``uri``; it never writes there."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._client: MlflowClient | None = None

    def version_at(self, alias: str) -> int | None:
        """Return the release version an alias points to, ``None`` if it points to none.

        Raises:
            RegistryUnreachableError: the registry did not answer.
        """
        try:
            version = self._open().get_model_version_by_alias(RELEASE_MODEL, alias).version
        except MlflowException as error:
            if error.error_code in NOT_THERE:
                return None
            raise RegistryUnreachableError(error) from error
        return int(version)

    def calibrated_share(self) -> float | None:
        """Return the exploration share that was calibrated last, ``None`` if none was.

        A tag that is no share, as somebody may set by hand, counts as none.

        Raises:
            RegistryUnreachableError: the registry did not answer.
        """
        try:
            tags = self._open().get_registered_model(RELEASE_MODEL).tags
        except MlflowException as error:
            if error.error_code in NOT_THERE:
                return None
            raise RegistryUnreachableError(error) from error
        try:
            share = float(tags.get(CALIBRATED_SHARE, "nan"))
        except ValueError:
            return None
        return share if 0 <= share <= 1 else None

    def _open(self) -> MlflowClient:
        """Return the client; the first one is made when somebody answers, which may be later."""
        if self._client is None:
            require_registry(self._uri)
            self._client = MlflowClient(tracking_uri=self._uri, registry_uri=self._uri)
        return self._client

    @contextmanager
    def fetch(self, version: int, scratch: Path | None = None) -> Iterator[FetchedRelease]:
        """Yield a copy of a release's files, every one compared with its hash; gone afterwards.

        Args:
            version: of the registered release.
            scratch: folder in which the copy is made; absent, where the system has such files.

        Raises:
            ReleaseError: the artefact is not there, incomplete or altered.
        """
        with self._download(version, RELEASE_PATH, scratch) as folder:
            manifest = read_manifest(folder / MANIFEST_FILE)
            names = {**SERVED_PARTS, **MEASURED_FILES}
            check_parts(manifest, {part: folder / name for part, name in names.items()})
            yield FetchedRelease(version, folder, manifest)

    @contextmanager
    def fetch_part(self, version: int, part: str) -> Iterator[Path]:
        """Yield a copy of a file or folder of a release as it is, unchecked; gone afterwards.

        Raises:
            ReleaseError: the artefact is not there.
        """
        with self._download(version, RELEASE_PATH / part) as folder:
            yield folder

    @contextmanager
    def _download(self, version: int, path: Path, within: Path | None = None) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="release-", dir=within) as scratch:
            try:
                # MLflow looks models:/ addresses up in the registry of the process, not in ours
                place = self._open().get_model_version_download_uri(RELEASE_MODEL, str(version))
                uri = f"{place}/{path.as_posix()}"
                found = download_artifacts(uri, dst_path=scratch, tracking_uri=self._uri)
            except (MlflowException, OSError) as error:
                where = f"{RELEASE_MODEL} version {version}"
                rule = "its artefact can be fetched"
                remedy = "publish the release again"
                raise ReleaseError(where, rule, remedy, str(error)[:120]) from None
            yield Path(found)
