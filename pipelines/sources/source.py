"""Writes the canonical tables of whichever source the settings name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq

from expectations.contracts.errors import UserError
from expectations.contracts.tables import INTERACTIONS, ITEMS
from expectations.suites.raw_data import RawNames, RawProfile, check_raw_data
from pipelines.io import paths
from pipelines.io.artefact_io import read_table, write_json, write_table
from pipelines.sources.alike_ids import note_alike
from pipelines.sources.canonical import (
    PIECE_ROWS,
    add_tags,
    change_interactions,
    in_pieces,
    read_interactions,
    read_items,
    write_interactions,
)
from pipelines.sources.config import DatasetConfig
from pipelines.sources.files import read_files
from pipelines.sources.log_changes import LogChanges
from pipelines.sources.movielens import open_movielens
from pipelines.sources.raw.record import ReadingRecord
from pipelines.sources.raw.tables import RawTables
from pipelines.sources.synthetic.truth import ABOUT
from pipelines.sources.synthetic.world import write_world
from training.curation.timeline import SplitConfig, drop_later, make_timeline


@dataclass(frozen=True)
class Ingested:
    """What a source held, and what reading it has to tell."""

    profile: RawProfile
    figures: dict[str, int]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class IngestedPaths:
    """Where a source writes: two tables, and the folder for the truth behind them."""

    items: Path
    interactions: Path
    truth: Path


def write_source(
    dataset: DatasetConfig,
    split: SplitConfig,
    seed: int,
    changes: LogChanges,
    written: IngestedPaths,
) -> Ingested:
    """Write items, interactions and truth of the chosen source; return what it holds.

    Raises:
        UserError: the source is absent or unreadable.
        ContractError: it does not pass the raw-data suite.
    """
    path = Path(dataset.path)
    if not path.exists():
        remedy = f"correct dataset.path for the source {dataset.source!r}"
        raise UserError(str(path), "the data lies there", remedy)
    if dataset.source == "synthetic":
        return _write_synthetic(dataset, split, seed, changes, written)
    write_json({"available": False}, written.truth / ABOUT)
    if dataset.source == "files":
        return _write_raw(read_files(path, dataset.files), dataset, split, changes, written)
    with open_movielens(path, written.items.parent / "unpacked") as raw:
        return _write_raw(raw, dataset, split, changes, written)


def _write_synthetic(
    dataset: DatasetConfig,
    split: SplitConfig,
    seed: int,
    changes: LogChanges,
    written: IngestedPaths,
) -> Ingested:
    record = ReadingRecord()
    if dataset.threshold is None:
        raise ValueError("the synthetic world has feedback, so it has a threshold")
    write_world(
        Path(dataset.path),
        dataset.synthetic,
        seed,
        dataset.threshold,
        items_path=written.items,
        interactions_path=written.interactions,
        truth_folder=written.truth,
    )
    items = read_table(written.items, ITEMS)
    if not changes.are_none or split.end is not None:
        made = read_table(written.interactions, INTERACTIONS)
        changed = change_interactions(made, items, changes, dataset.threshold, record)
        write_interactions(_end(changed, split, record), written.interactions)
    names = RawNames("the synthetic catalogue", "the synthetic log")
    pieces = _stored_pieces(written.interactions)
    profile = check_raw_data(items, pieces, names, paths.DATA_DOCS, paths.GUARD_NOTES)
    return _tell(profile, record, {})


def _write_raw(
    raw: RawTables,
    dataset: DatasetConfig,
    split: SplitConfig,
    changes: LogChanges,
    written: IngestedPaths,
) -> Ingested:
    items = read_items(raw.items)
    interactions = change_interactions(
        read_interactions(raw.interactions, dataset.threshold),
        items,
        changes,
        dataset.threshold,
        raw.record,
    )
    interactions = _end(interactions, split, raw.record)
    names = RawNames(str(raw.items.file), str(raw.interactions.file))
    pieces = in_pieces(interactions)
    profile = check_raw_data(items, pieces, names, paths.DATA_DOCS, paths.GUARD_NOTES)
    note_alike(raw.record, raw.interactions.file, "users", interactions["user_id"])
    note_alike(raw.record, raw.items.file, "items", items["item_id"])
    # tags given in the test period would tell of it: they are cut where fitting ends
    until = make_timeline(interactions.lazy(), split).fit_until
    write_table(add_tags(items, raw, until), written.items, ITEMS)
    write_interactions(interactions, written.interactions)
    files = {"items": raw.items.file, "interactions": raw.interactions.file}
    return _tell(profile, raw.record, files)


def _end(interactions: pl.DataFrame, split: SplitConfig, record: ReadingRecord) -> pl.DataFrame:
    kept = drop_later(interactions, split)
    n_later = interactions.height - kept.height
    record.count("rows_from_the_end_on", n_later, f"left out {n_later:,} rows from split.end on")
    return kept


def _tell(profile: RawProfile, record: ReadingRecord, files: dict[str, Path]) -> Ingested:
    """Return the figures of a data set: every row of its files is in one of them."""
    figures = {
        "n_items": profile.n_items,
        "n_users": profile.n_users,
        "n_interactions": profile.n_interactions,
        "n_positive": profile.n_positive,
        **record.counts,
    }
    notes = []
    for table, file in files.items():
        rows = record.rows_of(file)
        if rows is not None:
            figures |= {f"{table}_{name}": count for name, count in asdict(rows).items()}
            notes.append(f"{file.name}: {rows.in_words()}")
    return Ingested(profile, figures, (*notes, *record.notes))


def _stored_pieces(path: Path) -> Iterator[pl.DataFrame]:
    for batch in pq.ParquetFile(path).iter_batches(batch_size=PIECE_ROWS):
        yield pl.DataFrame(pl.from_arrow(batch))
