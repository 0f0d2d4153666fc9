"""A manifest is identified by its parts and notices any change to them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.contracts.content_hash import ContentHash, hash_content
from expectations.contracts.errors import ReleaseError
from inference.release.manifest import (
    ClusterIds,
    GateVerdict,
    ReleaseCounts,
    ReleaseManifest,
    check_parts,
    probe_evenly,
    read_manifest,
)
from training.clusters.lineage.change_records import ReusedId

REUSED = ReusedId(
    level=1,
    cluster_id=2,
    was="jazz piano",
    was_traffic=0.1,
    ended="merged",
    into=0,
    into_name="folk guitar",
    now="home brewing",
    now_traffic=0.2,
    began="born",
    out_of=None,
    out_of_name=None,
)
MANIFEST = ReleaseManifest(
    parts={"clusters": ContentHash("a" * 64, 10), "recommender": ContentHash("b" * 64, 20)},
    serving_level=1,
    counts=ReleaseCounts(n_users=2, n_items=3, n_clusters=4, n_contexts=10),
    gates=(GateVerdict("planner_figures", "match_rate", 0.99, 0.95, None, "block", True, ""),),
    measured={"plan_figures": ContentHash("c" * 64, 30)},
    probe_users=("ann", "zoe"),
    cluster_ids=ClusterIds("d" * 64, (REUSED,)),
)


def test_json_and_back_is_the_same_manifest() -> None:
    assert ReleaseManifest.from_json(MANIFEST.to_json()) == MANIFEST


def test_the_id_follows_from_the_parts_alone() -> None:
    assert replace(MANIFEST, gates=()).release_id == MANIFEST.release_id
    other = {**MANIFEST.parts, "clusters": ContentHash("d" * 64, 10)}
    assert replace(MANIFEST, parts=other).release_id != MANIFEST.release_id


def test_a_manifest_with_another_id_is_refused() -> None:
    content = {**MANIFEST.to_json(), "release_id": "0" * 64}
    with pytest.raises(ReleaseError, match="hash of the parts"):
        ReleaseManifest.from_json(content)


@pytest.mark.parametrize(
    "missing", ["parts", "measured", "gates", "counts", "probe_users", "cluster_ids", "release_id"]
)
def test_a_manifest_without_a_field_is_refused(missing: str) -> None:
    content = MANIFEST.to_json()
    del content[missing]
    with pytest.raises(ReleaseError, match="is a release manifest"):
        ReleaseManifest.from_json(content)


@pytest.mark.parametrize("text", ["", "[]", "\x00\x01", "{"])
def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "release.json"
    file.write_text(text)
    with pytest.raises(ReleaseError):
        read_manifest(file)


def test_gates_that_failed_or_never_ran_forbid_serving() -> None:
    assert MANIFEST.refusals() == []
    assert replace(MANIFEST, gates=()).refusals() == ["it carries no gate report"]
    failed = GateVerdict(
        "planner_figures",
        "match_rate",
        None,
        0.95,
        None,
        "block",
        False,
        "match_rate is a number, found nothing",
    )
    assert "match_rate" in replace(MANIFEST, gates=(failed,)).refusals()[0]
    assert not replace(MANIFEST, gates=(replace(failed, severity="warn"),)).refusals()


def test_an_altered_a_missing_and_an_unnamed_part_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "clusters"
    file.write_text("as built")
    manifest = replace(MANIFEST, parts={"clusters": hash_content(file)})
    check_parts(manifest, {"clusters": file})
    with pytest.raises(ReleaseError, match="names the part other"):
        check_parts(manifest, {"other": file})
    file.write_text("as Built")
    with pytest.raises(ReleaseError, match="hashes to"):
        check_parts(manifest, {"clusters": file})
    file.unlink()
    with pytest.raises(ReleaseError, match="is there"):
        check_parts(manifest, {"clusters": file})


def test_a_folder_hashes_by_names_and_contents(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "a").write_text("1")
    (tmp_path / "inner" / "b").write_text("22")
    before = hash_content(tmp_path)
    assert before.n_bytes == 3
    (tmp_path / "a").rename(tmp_path / "c")
    renamed = hash_content(tmp_path)
    (tmp_path / "c").write_text("2")
    assert len({before.sha256, renamed.sha256, hash_content(tmp_path).sha256}) == 3


@given(st.lists(st.text(), unique=True), st.integers(2, 20))
def test_probes_are_distinct_and_hold_the_first_and_the_last_key(
    keys: list[str], limit: int
) -> None:
    probes = probe_evenly(keys, limit)
    assert len(probes) == len(set(probes)) == min(len(keys), limit)
    if keys:
        assert (probes[0], probes[-1]) == (keys[0], keys[-1])
