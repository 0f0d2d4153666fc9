"""What reading a log whole costs beside Polars' own scan, which reads the mapped columns alone.

    python -m benchmarks.raw_reading FOLDER [--rows 1000000] [--columns 20] [--rounds 7]

Both read the same files, in turn, in one process: to canonical interactions, and the bare cells
alone. Polars is what this project read text with before; where cells hold stray quotes it loses
rows, which the table shows.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.markdown import to_markdown
from pipelines.sources.canonical import read_interactions
from pipelines.sources.raw.cells import identifier, number
from pipelines.sources.raw.record import ReadingRecord
from pipelines.sources.raw.tables import RawInteractions, scan_raw
from pipelines.sources.raw.times import read_times

NAMES = ("ours", "Polars")
MAPPED = ("user_id", "item_id", "timestamp", "rating")
FILLINGS = 2_000
PIECE = 100_000
UNUSED = {
    "plain cells": ("{}", "{}"),
    "quoted cells": ('"a, {}"', "{}"),
    "stray quotes": ('tv {}"', "{}"),
}
"""Of the unused columns the first and the others."""


def main() -> None:
    """Make the files that are missing, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.raw_reading", description=__doc__)
    parser.add_argument("folder", type=Path, help="for the made-up files, some 200 MB each")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=20, help="columns nobody maps")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    rows = []
    for kind in UNUSED:
        path = arguments.folder / f"{kind.replace(' ', '_')}_{arguments.rows}.csv"
        if not path.is_file():
            write_log(path, kind, arguments.rows, arguments.columns)
        for what, read in (("cells", read_cells), ("interactions", read_log)):
            ours, polars = measure(path, read, arguments.rounds)
            rows.append((kind, what, *ours.cells(), *polars.cells(), *ours.over(polars)))
    each = ("wall, s", "CPU, s", "rows")
    names = ("unused columns", "read to", *(f"{name} {cell}" for name in NAMES for cell in each))
    print(to_markdown((*names, "wall", "CPU"), rows, n_texts=2))


@dataclass(frozen=True)
class Cost:
    """Median seconds of a reading, on the wall and of the processor, and the rows it gave."""

    wall: float
    processor: float
    rows: int

    def cells(self) -> tuple[str, str, str]:
        """Return the figures as the table shows them."""
        return f"{self.wall:.2f}", f"{self.processor:.2f}", f"{self.rows:,}"

    def over(self, other: Cost) -> tuple[str, str]:
        """Return both times as multiples of another's."""
        return f"{self.wall / other.wall:.2f}", f"{self.processor / other.processor:.2f}"


def write_log(path: Path, kind: str, n_rows: int, n_columns: int) -> None:
    """Write a made-up log: four mapped columns, and columns of the kind that nobody maps."""
    rng = np.random.default_rng(0)
    path.parent.mkdir(parents=True, exist_ok=True)
    first, other = UNUSED[kind]
    fillings = [
        ",".join(
            (other if n else first).format(f"v{rng.integers(1_000_000)}") for n in range(n_columns)
        )
        for _ in range(FILLINGS)
    ]
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join((*MAPPED, *(f"unused_{n}" for n in range(n_columns)))) + "\n")
        for start in range(0, n_rows, PIECE):
            size = min(PIECE, n_rows - start)
            cells = zip(
                rng.integers(n_rows // 10, size=size),
                rng.integers(n_rows // 50, size=size),
                1_700_000_000 + rng.integers(10_000_000, size=size),
                rng.integers(1, 6, size=size),
                rng.integers(FILLINGS, size=size),
                strict=True,
            )
            file.writelines(f"u{u},i{i},{t},{r},{fillings[f]}\n" for u, i, t, r, f in cells)


def measure(path: Path, read: Callable[[RawInteractions], int], rounds: int) -> tuple[Cost, Cost]:
    """Return what our reader and Polars' scan cost, asked in turn."""
    walls: dict[str, list[float]] = {name: [] for name in NAMES}
    processor: dict[str, list[float]] = {name: [] for name in NAMES}
    found = dict.fromkeys(NAMES, 0)
    for _ in range(rounds):
        for name, scan in zip(NAMES, (scan_ours, scan_polars), strict=True):
            started, used = time.perf_counter(), time.process_time()
            found[name] = read(scan(path))
            walls[name].append(time.perf_counter() - started)
            processor[name].append(time.process_time() - used)
    ours, polars = (
        Cost(statistics.median(walls[name]), statistics.median(processor[name]), found[name])
        for name in NAMES
    )
    return ours, polars


def scan_ours(path: Path) -> RawInteractions:
    """Return the log as ingest sees it: every column of every record is read."""
    record = ReadingRecord()
    return _map(path, scan_raw(path, MAPPED[:3], record), record)


def scan_polars(path: Path) -> RawInteractions:
    """Return the log as Polars reads it: what is not selected is skipped by looking for quotes."""
    return _map(path, pl.scan_csv(path, infer_schema=False, glob=False), ReadingRecord())


def read_cells(raw: RawInteractions) -> int:
    """Return how many rows have been read, their cells parsed and nothing more."""
    cells = raw.frame.select(cell.value.alias(str(n)) for n, cell in enumerate(raw.cells) if cell)
    return cells.collect(engine="streaming").height


def read_log(raw: RawInteractions) -> int:
    """Return how many interactions there are after sorting and merging."""
    return read_interactions(raw, 4.0).height


def _map(path: Path, frame: pl.LazyFrame, record: ReadingRecord) -> RawInteractions:
    texts = pl.Series(["u1"])
    user, item, timestamp, rating = MAPPED
    return RawInteractions(
        file=path,
        frame=frame,
        user_id=identifier(user, texts, path),
        item_id=identifier(item, texts, path),
        timestamp=read_times(frame, timestamp, "auto", path),
        feedback=number(rating, pl.String(), path),
        record=record,
    )


if __name__ == "__main__":
    main()
