"""Parts of a log are all read, and their cells stay what they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from expectations.contracts.errors import UserError
from pipelines.sources.raw.part_files import find_parts
from pipelines.sources.raw.record import ReadingRecord
from pipelines.sources.raw.tables import collect, scan_raw

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("leads_to", ["a folder", "nothing"])
def test_a_link_whose_files_would_not_be_read_is_refused(tmp_path: Path, leads_to: str) -> None:
    folder, elsewhere = tmp_path / "log", tmp_path / "elsewhere"
    (folder / "day=1").mkdir(parents=True)
    (folder / "day=1" / "a.csv").write_text("user_id\nann\n")
    if leads_to == "a folder":
        elsewhere.mkdir()
        (elsewhere / "b.csv").write_text("user_id\nbob\n")
    (folder / "day=2").symlink_to(elsewhere)
    with pytest.raises(UserError, match=r"every link in it leads to a file \(found: day=2\)"):
        find_parts(folder)


def test_links_to_files_and_a_linked_table_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "b.csv").write_text("user_id\nbob\n")
    (tmp_path / "real" / "a.csv").symlink_to(tmp_path / "b.csv")
    (tmp_path / "log").symlink_to(tmp_path / "real")
    assert [part.path.name for part in find_parts(tmp_path / "log")] == ["a.csv"]


@pytest.mark.parametrize("zone", [None, "UTC"])
@pytest.mark.parametrize("unit", ["us", "ns"])
def test_times_stay_what_they_are_beside_coarser_ones(
    tmp_path: Path, unit: str, zone: str | None
) -> None:
    fine = [NOON + timedelta(microseconds=100 * n) for n in range(4)]
    for name, time_unit, times in (("a", unit, fine), ("b", "ms", [NOON])):
        kept = pl.Series("timestamp", times).dt.cast_time_unit(time_unit)  # type: ignore[arg-type]
        part = kept.dt.replace_time_zone(zone).to_frame()
        part.write_parquet(tmp_path / f"{name}.parquet")
    rows = collect(scan_raw(tmp_path, ["timestamp"], ReadingRecord()), tmp_path)
    expected = [*fine, NOON]
    assert rows["timestamp"].dt.epoch("us").to_list() == [
        round(one.timestamp() * 1_000_000) for one in expected
    ]
