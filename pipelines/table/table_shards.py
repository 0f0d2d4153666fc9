"""Keeps the shards of a table run on disk, bound to what they were made of, until it is whole."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from inference.search.config import TableConfig, TableRunConfig
from inference.table.shards import ROWS_SCHEMA, MicroBatch, PlannedShard
from pipelines.io.artefact_io import COMPRESSION, atomic_file, write_json
from pipelines.table.table_recipe import TableRecipe, describe_run

MANIFEST = "manifest.json"
SHARD_NAME = re.compile(r"batches-(\d+)-(\d+)\.parquet")


def shard_opener(
    folder: Path, recipe: TableRecipe, config: TableConfig, run: TableRunConfig
) -> Callable[[str, Sequence[MicroBatch]], ShardFolder]:
    """Return what opens the shards of each run that one table takes, by the run's name."""

    def open_shards(part: str, batches: Sequence[MicroBatch]) -> ShardFolder:
        return ShardFolder(folder / part, describe_run(recipe, config, run, part), batches)

    return open_shards


class ShardFolder:
    """The shards of one run, each a Parquet file named by its micro-batches.

    Args:
        folder: where they lie; outside of what DVC removes before a stage.
        made_of: everything a row depends on. Shards that were made of anything else are removed.
        batches: all micro-batches of the run.
    """

    def __init__(
        self, folder: Path, made_of: Mapping[str, object], batches: Sequence[MicroBatch]
    ) -> None:
        self._folder = folder
        self._batches = batches
        if _read_manifest(folder) != json.loads(json.dumps(made_of)):
            shutil.rmtree(folder, ignore_errors=True)
            write_json(made_of, folder / MANIFEST)

    def keep(self, shard: PlannedShard) -> None:
        """Write a shard, atomically, its pages with checksums."""
        name = f"batches-{shard.first:07d}-{shard.stop:07d}.parquet"
        with atomic_file(self._folder / name) as partial:
            pq.write_table(
                shard.rows.to_arrow(), partial, compression=COMPRESSION, write_page_checksum=True
            )

    def read(self) -> Iterator[PlannedShard]:
        """Yield the shards that are whole; what is left of a broken disk is removed."""
        for file in sorted(self._folder.glob("batches-*.parquet")):
            found = SHARD_NAME.fullmatch(file.name)
            shard = _read_shard(file, *map(int, found.groups())) if found else None
            if shard is None or not self._is_of_run(shard):
                file.unlink()
            else:
                yield shard

    def _is_of_run(self, shard: PlannedShard) -> bool:
        batches = self._batches[shard.first : shard.stop]
        expected = [context.key for batch in batches for context in batch]
        return shard.rows.schema == ROWS_SCHEMA and shard.rows["context_key"].to_list() == expected


def _read_manifest(folder: Path) -> object:
    try:
        content: object = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content


def _read_shard(file: Path, first: int, stop: int) -> PlannedShard | None:
    try:
        rows = pq.read_table(file, page_checksum_verification=True)
    except (OSError, pa.ArrowException):
        return None
    return PlannedShard(first, stop, pl.DataFrame(pl.from_arrow(rows)))
