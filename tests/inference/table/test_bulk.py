"""Shards, breaks and workers change no bit of the table; shards of another planner never mix in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.contracts.errors import GateError, UserError
from expectations.contracts.values import ClusterContext, all_contexts
from inference.search.config import TableConfig, TableRunConfig
from inference.search.ranking import ContextRanker
from inference.table.bulk import plan_batches
from inference.table.shards import PlannedShard, cut_shards
from inference.table.table import batches_of_contexts
from pipelines.table.table_shards import ShardFolder
from tests.worlds.planning import DESCRIPTIONS, DyingPlanner, MadePlanner

N = len(DESCRIPTIONS)
CONFIG = TableConfig(batch_rows=4, worker_threads=1)
RUN = TableRunConfig(shard_rows=8)
BATCHES = list(batches_of_contexts(N, CONFIG.batch_rows))
MADE_OF = {"planner": "this one"}


@dataclass(frozen=True)
class Held:
    """A ranker that is open already: what a property test can afford."""

    ranker: ContextRanker
    folders: tuple[Path, ...] = ()

    def open(self, folders: Sequence[Path]) -> ContextRanker:
        return self.ranker


@dataclass
class Breaking:
    """A store whose process comes to an end after so many shards."""

    store: ShardFolder
    shards_left: int

    def read(self) -> object:
        return self.store.read()

    def keep(self, shard: PlannedShard) -> None:
        if self.shards_left == 0:
            raise KeyboardInterrupt
        self.shards_left -= 1
        self.store.keep(shard)


def run_with(**changes: object) -> TableRunConfig:
    return RUN.model_copy(update=changes)


@pytest.fixture(scope="module")
def held() -> Held:
    torch.set_num_threads(1)
    return Held(MadePlanner(CONFIG).open(()))


@pytest.fixture(scope="module")
def whole(held: Held, tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """The table planned in one piece."""
    store = ShardFolder(tmp_path_factory.mktemp("whole") / "shards", MADE_OF, BATCHES)
    return plan_batches(BATCHES, held, CONFIG, run_with(shard_rows=10_000), store, "")[0]


def same_bytes(found: pl.DataFrame, expected: pl.DataFrame) -> bool:
    scores = [frame["scores"].explode().to_numpy().tobytes() for frame in (found, expected)]
    return found.equals(expected) and scores[0] == scores[1]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 6)), max_size=3), st.integers(1, 60))
def test_shard_sizes_and_breaks_change_no_bit(
    held: Held,
    whole: pl.DataFrame,
    tmp_path_factory: pytest.TempPathFactory,
    breaks: list[tuple[int, int]],
    last_rows: int,
) -> None:
    folder = tmp_path_factory.mktemp("broken") / "shards"
    kept = 0
    for shard_rows, n_shards in breaks:
        store = ShardFolder(folder, MADE_OF, BATCHES)
        run = run_with(shard_rows=shard_rows)
        try:
            plan_batches(BATCHES, held, CONFIG, run, Breaking(store, n_shards), "")
        except KeyboardInterrupt:
            kept += n_shards * -(-shard_rows // CONFIG.batch_rows)  # batches, but for short ones
    store = ShardFolder(folder, MADE_OF, BATCHES)
    found, cost = plan_batches(BATCHES, held, CONFIG, run_with(shard_rows=last_rows), store, "")
    assert same_bytes(found, whole)
    assert cost.rows_planned + cost.rows_kept == whole.height
    assert bool(cost.rows_kept) == bool(kept) or cost.rows_kept == whole.height


def test_the_table_has_every_pair_in_order(whole: pl.DataFrame) -> None:
    assert whole["context_key"].to_list() == [context.key for context in all_contexts(N)]
    assert whole["error_bound"].to_list() == [0] * whole.height


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(1, 5), max_size=30), st.sets(st.integers(0, 29)), st.integers(1, 20))
def test_shards_are_whole_batches_each_planned_once(
    sizes: list[int], planned: set[int], shard_rows: int
) -> None:
    batches = [[ClusterContext.of(number)] * size for number, size in enumerate(sizes)]
    shards = cut_shards(batches, planned, shard_rows)
    numbers = [number for shard in shards for number in range(shard.first, shard.stop)]
    assert numbers == [number for number in range(len(batches)) if number not in planned]
    for shard in shards:
        assert [list(batch) for batch in shard.batches] == batches[shard.first : shard.stop]
        assert sum(len(batch) for batch in shard.batches[:-1]) < shard_rows


def test_shards_of_another_planner_are_thrown_away(
    held: Held, whole: pl.DataFrame, tmp_path: Path
) -> None:
    other = Held(MadePlanner(CONFIG, tuple(reversed(DESCRIPTIONS))).open(()))
    store = ShardFolder(tmp_path / "shards", {"planner": "another"}, BATCHES)
    with pytest.raises(KeyboardInterrupt):
        plan_batches(BATCHES, other, CONFIG, RUN, Breaking(store, 3), "")
    assert len(list(store.read())) == 3
    store = ShardFolder(tmp_path / "shards", MADE_OF, BATCHES)
    found, cost = plan_batches(BATCHES, held, CONFIG, RUN, store, "")
    assert cost.rows_kept == 0
    assert same_bytes(found, whole)


def test_damaged_shards_are_planned_again(held: Held, whole: pl.DataFrame, tmp_path: Path) -> None:
    store = ShardFolder(tmp_path / "shards", MADE_OF, BATCHES)
    plan_batches(BATCHES, held, CONFIG, RUN, store, "")
    files = sorted((tmp_path / "shards").glob("*.parquet"))
    cut, flipped, renamed = files[0], files[1], files[2]
    lost = pl.read_parquet([cut, flipped, renamed]).height
    cut.write_bytes(cut.read_bytes()[:100])
    content = bytearray(flipped.read_bytes())
    content[20] ^= 0xFF
    flipped.write_bytes(content)
    renamed.rename(renamed.with_name("batches-0000000-0000001.parquet"))
    found, cost = plan_batches(BATCHES, held, CONFIG, RUN, store, "")
    assert cost.rows_planned == lost
    assert same_bytes(found, whole)


def test_two_workers_change_no_bit(whole: pl.DataFrame, tmp_path: Path) -> None:
    store = ShardFolder(tmp_path / "shards", MADE_OF, BATCHES)
    run = run_with(workers=2)
    found, cost = plan_batches(BATCHES, MadePlanner(CONFIG), CONFIG, run, store, "")
    assert same_bytes(found, whole)
    assert cost.worker_peak_memory_mb > 50


@pytest.mark.long
def test_three_workers_change_no_bit(whole: pl.DataFrame, tmp_path: Path) -> None:
    store = ShardFolder(tmp_path / "shards", MADE_OF, BATCHES)
    run = run_with(workers=3, shard_rows=4)
    assert same_bytes(plan_batches(BATCHES, MadePlanner(CONFIG), CONFIG, run, store, "")[0], whole)


@pytest.mark.long
def test_a_dead_worker_is_named_and_the_next_run_goes_on(
    whole: pl.DataFrame, tmp_path: Path
) -> None:
    store = ShardFolder(tmp_path / "shards", MADE_OF, BATCHES)
    run = run_with(workers=2)
    dying = DyingPlanner(CONFIG, fatal=(3, 8), deaths=tmp_path / "deaths")
    with pytest.raises(UserError, match=r"table_run\.workers: every worker lives"):
        plan_batches(BATCHES, dying, CONFIG, run, store, "")
    found, cost = plan_batches(BATCHES, MadePlanner(CONFIG), CONFIG, RUN, store, "")
    assert cost.rows_kept > 0
    assert same_bytes(found, whole)


@dataclass(frozen=True)
class Refusing(MadePlanner):
    """A source that cannot be opened, as where an adapter is of another base model."""

    def open(self, folders: Sequence[Path]) -> ContextRanker:
        raise GateError("planner", "it opens", "train it", "closed")


@pytest.mark.long
def test_an_error_of_a_worker_arrives_whole(tmp_path: Path) -> None:
    store = ShardFolder(tmp_path / "shards", MADE_OF, BATCHES)
    run = run_with(workers=2)
    with pytest.raises(GateError, match=r"planner: it opens \(found: closed\)"):
        plan_batches(BATCHES, Refusing(CONFIG), CONFIG, run, store, "")
