"""Records that outlive a version: earlier ones are read, later ones refused, additions ignored.

``earlier/`` holds files as the versions before their schema field wrote them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.contracts.content_hash import hash_content
from expectations.contracts.errors import ContractError, ReleaseError
from expectations.contracts.tables import PLAN_FIGURES
from inference.release.manifest import MANIFEST_FILE, ReleaseManifest, read_manifest
from inference.release.registered import MEMBERS_FILE, ReleaseMembers
from pipelines.io.artefact_io import read_table
from pipelines.release.case_figures import read_plan_figures
from pipelines.release.release_record import (
    ORIGIN_FILE,
    RECORD_FOLDER,
    RECORDED_FILES,
    Origin,
    read_record,
)

EARLIER = Path(__file__).parent / "earlier"


def read_origin(folder: Path) -> Origin:
    """Read an origin, with the files beside it that it names."""
    record = folder / RECORD_FOLDER
    record.mkdir(exist_ok=True)
    content = json.loads((folder / ORIGIN_FILE).read_text())
    for file in RECORDED_FILES:
        (record / file.name).write_text(file.name)
        content["files"][file.name] = hash_content(record / file.name).sha256
    (record / ORIGIN_FILE).write_text(json.dumps(content))
    return read_record(folder)[0]


READERS: dict[str, Callable[[Path], Any]] = {
    MANIFEST_FILE: lambda folder: read_manifest(folder / MANIFEST_FILE),
    MEMBERS_FILE: ReleaseMembers.read,
    ORIGIN_FILE: read_origin,
}


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A copy of the files of earlier versions."""
    shutil.copytree(EARLIER, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.mark.parametrize("name", READERS)
def test_an_earlier_record_is_read(kept: Path, name: str) -> None:
    content = json.loads((kept / name).read_text())
    assert "schema" not in content
    read = json.loads(json.dumps(asdict(READERS[name](kept))))
    content.pop("release_id", None)
    if name == ORIGIN_FILE:
        assert (read["git_commit"], read["git_dirty"]) == (content["git_commit"], False)
    else:
        assert read == content


@pytest.mark.parametrize("schema", [99, 0, "two", True])
@pytest.mark.parametrize("name", READERS)
def test_a_later_or_odd_schema_is_refused_in_one_line(
    kept: Path, name: str, schema: object
) -> None:
    content = {**json.loads((kept / name).read_text()), "schema": schema}
    (kept / name).write_text(json.dumps(content))
    with pytest.raises(ReleaseError, match="is of schema 2 or earlier") as met:
        READERS[name](kept)
    assert "\n" not in str(met.value)


@given(
    name=st.text("abc_", min_size=4),
    where=st.sampled_from(["", "counts", "gates", "parts", "cluster_ids"]),
)
def test_what_a_manifest_says_besides_is_passed_over(name: str, where: str) -> None:
    content = json.loads((EARLIER / MANIFEST_FILE).read_text())
    before = ReleaseManifest.from_json(content)
    place = content[where] if where else content
    if where == "gates":
        place = place[0]
    elif where == "parts":
        place = place["clusters"]
    place[name] = {"unknown": [1, None]}
    assert ReleaseManifest.from_json(content) == before


def test_a_written_manifest_says_its_schema() -> None:
    manifest = read_manifest(EARLIER / MANIFEST_FILE)
    assert manifest.to_json()["schema"] == 2
    assert ReleaseManifest.from_json(manifest.to_json()) == manifest


def test_earlier_figures_of_cases_are_read_where_a_release_brings_them() -> None:
    file = EARLIER / "plan_figures.parquet"
    assert read_plan_figures(file)["recall_at_10"].to_list() == [0.5, 1.0]
    with pytest.raises(ContractError, match="has the columns"):
        read_table(file, PLAN_FIGURES)
