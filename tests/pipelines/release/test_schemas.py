"""Records that outlive a version: earlier ones are read, later ones refused, additions ignored.

``earlier/`` holds files as the versions before their schema field wrote them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.contracts.content_hash import hash_content
from expectations.contracts.errors import ContractError, ReleaseError
from expectations.contracts.tables import PLAN_FIGURES
from expectations.gates.report import GateReport
from inference.release.loaded_release import LoadedRelease, load_release
from inference.release.manifest import MANIFEST_FILE, ReleaseManifest, read_manifest
from inference.release.registered import MEMBERS_FILE, ReleaseMembers
from inference.release.release_source import FetchedRelease
from pipelines.io.artefact_io import read_json, read_table, write_json
from pipelines.release.case_figures import read_plan_figures
from pipelines.release.promotion import Promotion
from pipelines.release.release_record import (
    ORIGIN_FILE,
    RECORD_FOLDER,
    RECORDED_FILES,
    Origin,
    read_record,
)
from pipelines.table.previous_table import read_table_record
from training.clusters.lineage.change_records import TreeChanges
from training.curation.timeline import Timeline
from training.planner.base.base_reference import (
    REFERENCE_FILE,
    check_base_record,
    read_reference,
)
from training.planner.base.model_io import BASE_RECORD
from training.recommender.model.recommender import SequenceRecommender

EARLIER = Path(__file__).parent / "earlier"
SERVED_RECORDS = (
    "plan.json",
    "data_seen.json",
    "recommender/config.json",
    "tree_centroids/representation.json",
)

OF_SCHEMA_3 = ("recommender/config.json", "plan.json", "record.json")


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


def read_base_record(folder: Path) -> None:
    """Hold a record against the one reference that it fits."""
    (folder / REFERENCE_FILE).write_bytes((EARLIER / REFERENCE_FILE).read_bytes())
    check_base_record(folder, folder / BASE_RECORD)


def load_artefact(folder: Path) -> LoadedRelease:
    release = folder / "artefact"
    return load_release(FetchedRelease(1, release, read_manifest(release / MANIFEST_FILE)))


READERS: dict[str, Callable[[Path], Any]] = {
    MANIFEST_FILE: lambda folder: read_manifest(folder / MANIFEST_FILE),
    MEMBERS_FILE: ReleaseMembers.read,
    ORIGIN_FILE: read_origin,
    "gates.json": lambda folder: GateReport.from_json(read_json(folder / "gates.json")),
    "timeline.json": lambda folder: Timeline.from_json(read_json(folder / "timeline.json")),
    "changes.json": lambda folder: TreeChanges.from_json(read_json(folder / "changes.json")),
    "record.json": lambda folder: read_table_record(folder / "record.json"),
    "move.json": lambda folder: Promotion.from_tags(
        {name: str(tag) for name, tag in read_json(folder / "move.json").items()}, "a move"
    ),
    REFERENCE_FILE: read_reference,
    BASE_RECORD: read_base_record,
    **{f"artefact/{name}": load_artefact for name in SERVED_RECORDS},
}


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A copy of the files of earlier versions."""
    shutil.copytree(EARLIER, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.mark.parametrize("name", READERS)
def test_an_earlier_record_is_read(kept: Path, name: str) -> None:
    assert "schema" not in read_json(kept / name)
    READERS[name](kept)


def test_an_earlier_record_says_what_it_said(kept: Path) -> None:
    assert READERS[ORIGIN_FILE](kept).git_commit == "0123456789abcdef"
    assert READERS["gates.json"](kept).verdicts[0].figure == 0.99
    assert READERS["timeline.json"](kept).end == datetime(2024, 6, 1, tzinfo=UTC)
    move = READERS["move.json"](kept)
    assert (move.from_version, move.to_version, move.who) == (1, 2, "ann")
    for name in (MEMBERS_FILE, REFERENCE_FILE, "changes.json"):
        assert as_json(READERS[name](kept)) == read_json(kept / name)
    of_all_alone = {"families": None, "per_family": 0}
    record = as_json(READERS["record.json"](kept))
    assert record == read_json(kept / "record.json") | of_all_alone
    release = load_artefact(kept)
    plan = read_json(kept / "artefact/plan.json")
    assert release.plan.model_dump() == plan | {"table_depth": None, "mix_of_all": False}
    assert release.seen.positive_threshold == 4.0
    config = read_json(kept / "artefact/recommender/config.json")
    recommender = cast(SequenceRecommender, release.recommender)
    assert recommender.config.model_dump(mode="json") == config["config"]


@pytest.mark.parametrize("name", READERS)
def test_what_a_record_says_besides_is_passed_over(kept: Path, name: str) -> None:
    before = READERS[name](kept)
    write_json({**read_json(kept / name), "unknown": [1, None]}, kept / name)
    after = READERS[name](kept)
    if not isinstance(after, LoadedRelease):
        assert after == before


def as_json(record: Any) -> Any:
    return json.loads(json.dumps(asdict(record)))


@pytest.mark.parametrize("schema", [99, 0, "two", True])
@pytest.mark.parametrize("name", READERS)
def test_a_later_or_odd_schema_is_refused_in_one_line(
    kept: Path, name: str, schema: object
) -> None:
    content = {**json.loads((kept / name).read_text()), "schema": schema}
    (kept / name).write_text(json.dumps(content))
    newest = 3 if name.endswith(OF_SCHEMA_3) else 2
    with pytest.raises(ReleaseError, match=f"is of schema {newest} or earlier") as met:
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
