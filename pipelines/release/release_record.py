"""What a release keeps of its build: the files from which its artefacts can be had again.

They lie in a folder of the release's own artefact in MLflow, since ``dvc.lock`` is not in git.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml
from pydantic import TypeAdapter

from expectations.contracts.content_hash import hash_content
from expectations.contracts.durable import SCHEMA, schema_of
from expectations.contracts.errors import ReleaseError
from pipelines.io import paths
from pipelines.io.artefact_io import write_json
from pipelines.release.code_version import CodeVersion

RECORD_FOLDER = "record"
LOCK_FILE = Path("dvc.lock")
ORIGIN_FILE = "origin.json"
ORIGIN_SCHEMA = 2
"""1 was the same without the field."""
RECORDED_FILES = (LOCK_FILE, paths.PIPELINE_FILE, paths.PARAMS_FILE)


@dataclass(frozen=True)
class Origin:
    """Where a release comes from: commit, whether it was edited, SHA-256 of each recorded file."""

    git_commit: str
    git_dirty: bool
    files: dict[str, str]


def check_lock() -> None:
    """Raise :class:`ReleaseError` unless ``dvc.lock`` names the manifest in the working tree.

    Otherwise the release that is published could not be restored.
    """
    remedy = "run `dvc repro` to its end, then publish"
    try:
        text = LOCK_FILE.read_text(encoding="utf-8") if LOCK_FILE.is_file() else "{}"
        stages = (yaml.safe_load(text).get("stages") or {}).values()
        named = [out for stage in stages for out in stage.get("outs", [])]
        expected = [out.get("md5") for out in named if out["path"] == paths.RELEASE.as_posix()]
    except (yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError) as error:
        rule = "is a file of DVC's"  # what merging two branches leaves in it is none
        raise ReleaseError(
            str(LOCK_FILE), rule, remedy, " ".join(str(error).split())[:120]
        ) from None
    found = hashlib.md5(paths.RELEASE.read_bytes(), usedforsecurity=False).hexdigest()  # as DVC
    if expected != [found]:
        rule = f"names {paths.RELEASE} as it is"
        raise ReleaseError(str(LOCK_FILE), rule, remedy, ", ".join(map(str, expected)) or "nothing")


def write_record(release_folder: Path, code: CodeVersion) -> None:
    """Copy the working tree's build files into the release's folder, with their hashes."""
    folder = release_folder / RECORD_FOLDER
    folder.mkdir()
    found = [file for file in RECORDED_FILES if file.is_file()]
    for file in found:
        shutil.copyfile(file, folder / file.name)
    hashes = {file.name: hash_content(file).sha256 for file in found}
    origin = Origin(code.commit, code.is_dirty, hashes)
    write_json({SCHEMA: ORIGIN_SCHEMA, **asdict(origin)}, folder / ORIGIN_FILE)


def read_record(release_folder: Path) -> tuple[Origin, Path]:
    """Return where a release comes from, and the folder that holds its build files.

    Raises:
        ReleaseError: a file is missing or is not the one that was recorded.
    """
    folder = release_folder / RECORD_FOLDER
    try:
        content = json.loads((folder / ORIGIN_FILE).read_text(encoding="utf-8"))
        schema_of(content, ORIGIN_SCHEMA, str(folder / ORIGIN_FILE))
        origin = TypeAdapter(Origin).validate_python(content)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        rule, remedy = "holds the record of its build", "publish the release again"
        raise ReleaseError(str(folder), rule, remedy, repr(error)[:80]) from None
    for file in RECORDED_FILES:
        recorded = folder / file.name
        if not recorded.is_file() or hash_content(recorded).sha256 != origin.files.get(file.name):
            rule = f"holds {file.name} as it was when the release was published"
            raise ReleaseError("record of the release", rule, "publish the release again")
    return origin, folder
