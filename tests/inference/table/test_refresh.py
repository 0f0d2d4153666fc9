"""A partial refresh is a full run: over random changes of the clusters, the same ids and scores."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.contracts.errors import UserError
from expectations.contracts.values import ClusterContext, all_contexts
from inference.search.arithmetic import is_by_row
from inference.search.config import TableConfig, TableRunConfig
from inference.search.ranking import ContextRanker, RankedContexts, rank_scores
from inference.table.partial_run import (
    PreviousTable,
    RefreshedRows,
    common_arithmetic,
    refresh_rows,
)
from inference.table.plan_table import PlanTable
from inference.table.refresh import RankCandidates, compare_descriptions, merge_rows
from inference.table.shards import ROWS_SCHEMA, MicroBatch, frame_rows
from inference.table.table import batches_of_contexts, make_ranker, stamp_rows
from pipelines.table.table_shards import ShardFolder
from tests.worlds.planning import DESCRIPTIONS, END, make_planner, unsettle
from training.planner.base.model_io import Planner

CONFIG = TableConfig(score="open", depth=4, whole_up_to=6, score_step=0.01, worker_threads=1)


def score(texts: Sequence[str], context: ClusterContext, cluster: int) -> float:
    """A score of the three texts alone, coarse enough that many are equal."""
    words = [*(texts[member] for member in context.members), texts[cluster]]
    digest = hashlib.sha256("|".join(words).encode()).digest()
    return -digest[0] % 40 / 100


def full_rows(
    texts: Sequence[str], contexts: Sequence[ClusterContext], among: Sequence[int] | None = None
) -> pl.DataFrame:
    """The rows of a full run, or of one that scores some clusters only."""
    pieces = [ROWS_SCHEMA.to_frame()]
    for context in contexts:
        scores = np.full((1, len(texts)), -np.inf)
        for cluster in range(len(texts)) if among is None else among:
            scores[0, cluster] = score(texts, context, cluster)
        pieces.append(frame_rows([context], rank_scores(scores, [context], CONFIG)))
    return pl.concat(pieces)


def table_of(rows: pl.DataFrame, n_clusters: int) -> PlanTable:
    return PlanTable.from_frame(stamp_rows(rows, END), n_clusters)


texts_lists = st.integers(3, 11).flatmap(
    lambda n: st.tuples(
        st.permutations([f"word {i}" for i in range(n)]),
        st.dictionaries(st.integers(0, n - 1), st.integers(0, 99), max_size=4),
        st.integers(-3, 3),
    )
)


@settings(max_examples=60, deadline=None)
@given(texts_lists)
def test_merged_rows_are_those_of_a_full_run(
    world: tuple[list[str], dict[int, int], int],
) -> None:
    before, renames, growth = world
    after = [f"new {renames[i]} {i}" if i in renames else text for i, text in enumerate(before)]
    after = [*after, *(f"born {i}" for i in range(growth))][: max(3, len(before) + growth)]
    changes = compare_descriptions(before, after)
    kept = [
        context for context in all_contexts(len(after)) if set(context.members) <= set(changes.kept)
    ]
    if not kept:
        return
    previous = table_of(full_rows(before, list(all_contexts(len(before)))), len(before))
    rescored = table_of(full_rows(after, kept, changes.new), len(after)) if changes.new else None
    merged = merge_rows(previous, rescored, kept, changes, frozenset(), CONFIG, "")
    expected = full_rows(after, [ClusterContext.parse(key) for key in merged.rows["context_key"]])
    assert merged.rows.equals(expected)
    assert len(merged.unproven) + merged.rows.height == len(kept)
    if len(before) <= CONFIG.whole_up_to:  # nothing was left out, so nothing has to be asked again
        assert not merged.unproven


@dataclass(frozen=True)
class Scored:
    """A source whose ranker scores by the texts alone; it can be asked for some clusters only."""

    texts: tuple[str, ...]
    candidates: tuple[int, ...] | None = None
    folders: tuple[Path, ...] = ()

    def open(self, folders: Sequence[Path]) -> Scored:
        return self

    def among(self, candidates: Sequence[int]) -> Scored:
        return Scored(self.texts, tuple(candidates))

    def rank_batch(self, contexts: Sequence[ClusterContext]) -> RankedContexts:
        scores = np.full((len(contexts), len(self.texts)), -np.inf)
        for row, context in enumerate(contexts):
            for cluster in self.candidates or range(len(self.texts)):
                scores[row, cluster] = score(self.texts, context, cluster)
        return rank_scores(scores, contexts, CONFIG)


def refresh(
    before: Sequence[str],
    after: Sequence[str],
    folder: Path,
    source: object = None,
    config: TableConfig = CONFIG,
    unproven: frozenset[str] = frozenset(),
    previous: pl.DataFrame | None = None,
) -> RefreshedRows:
    """Refresh the table of ``before`` into that of ``after``."""
    rows = full_rows(before, list(all_contexts(len(before)))) if previous is None else previous
    table = table_of(rows, len(before))
    known = PreviousTable(table, tuple(before), unproven, common_arithmetic(rows))

    def open_store(part: str, batches: Sequence[MicroBatch]) -> ShardFolder:
        return ShardFolder(folder / part, {"part": part}, batches)

    run = TableRunConfig()
    return refresh_rows(known, after, source or Scored(tuple(after)), config, run, open_store)


WORDS = tuple(f"word {i}" for i in range(10))


def test_a_refresh_plans_no_more_than_it_must(tmp_path: Path) -> None:
    after = ("new name", *WORDS[1:])
    refreshed = refresh(WORDS, after, tmp_path)
    assert refreshed.rows.equals(full_rows(after, list(all_contexts(10))))
    assert refreshed.n_rescored == 45  # the pairs and singles of the other nine
    anew = refreshed.n_planned_anew - 10  # those of the changed one are always planned
    # a row that held the changed cluster may have lost its last place for good; no other row
    held = sum(
        0 in row for row in full_rows(WORDS, list(all_contexts(10)))["novel_clusters"].to_list()
    )
    assert 0 <= anew <= held


@settings(max_examples=25, deadline=None)
@given(texts_lists)
def test_a_refresh_is_a_full_run(
    tmp_path_factory: pytest.TempPathFactory, world: tuple[list[str], dict[int, int], int]
) -> None:
    before, renames, growth = world
    after = [f"new {renames[i]} {i}" if i in renames else text for i, text in enumerate(before)]
    after = [*after, *(f"born {i}" for i in range(growth))][: max(3, len(before) + growth)]
    refreshed = refresh(before, after, tmp_path_factory.mktemp("refresh"))
    assert refreshed.rows.equals(full_rows(after, list(all_contexts(len(after)))))


def test_nothing_changed_plans_nothing(tmp_path: Path) -> None:
    refreshed = refresh(WORDS, WORDS, tmp_path)
    assert refreshed.n_planned_anew == refreshed.n_rescored == 0
    assert refreshed.rows.equals(full_rows(WORDS, list(all_contexts(10))))


def test_rows_that_were_not_proven_are_planned_again(tmp_path: Path) -> None:
    refreshed = refresh(WORDS, WORDS, tmp_path, unproven=frozenset({"2_3", "4"}))
    assert refreshed.n_planned_anew == 2


def test_a_score_that_depends_on_all_descriptions_is_refused(tmp_path: Path) -> None:
    closed = CONFIG.model_copy(update={"score": "closed"})
    with pytest.raises(UserError, match=r"table\.previous: a changed cluster leaves"):
        refresh(WORDS, WORDS[:-1], tmp_path, config=closed)
    assert refresh(WORDS, WORDS, tmp_path, config=closed).n_planned_anew == 0


FINE = TableConfig(
    score="open",
    depth=3,
    batch_rows=8,
    worker_threads=1,
    score_step=1e-7,  # so fine that a change in the last bits would show
)
AFTER = ("jazz piano", *DESCRIPTIONS[1:5], "night buses", *DESCRIPTIONS[6:], "river kayaks")


def refresh_planner(planner: Planner, config: TableConfig, folder: Path) -> RefreshedRows:
    """Refresh the planner's own rows, and hold the outcome against a full run, to the last bit."""
    torch.set_num_threads(1)
    planned = [Rankers(planner, texts, config).plan() for texts in (DESCRIPTIONS, AFTER)]
    source = Rankers(planner, AFTER, config)
    refreshed = refresh(DESCRIPTIONS, AFTER, folder, source, config, previous=planned[0])
    assert refreshed.rows.equals(planned[1])
    scores = [
        frame["scores"].explode().to_numpy().tobytes() for frame in (refreshed.rows, planned[1])
    ]
    assert scores[0] == scores[1]
    return refreshed


@pytest.mark.parametrize("whole_up_to", [4, 128])
def test_the_planner_s_own_rows_refresh_to_a_full_run(tmp_path: Path, whole_up_to: int) -> None:
    config = FINE.model_copy(update={"whole_up_to": whole_up_to})
    refreshed = refresh_planner(make_planner(), config, tmp_path)
    if is_by_row(str(common_arithmetic(refreshed.rows))):
        assert 0 < refreshed.n_planned_anew < refreshed.rows.height
    else:
        assert refreshed.n_planned_anew == refreshed.rows.height


def test_bits_that_depend_on_the_batch_are_planned_in_their_own(tmp_path: Path) -> None:
    refreshed = refresh_planner(unsettle(make_planner()), FINE, tmp_path)
    assert refreshed.n_planned_anew == refreshed.rows.height
    assert refreshed.n_rescored == 0
    assert "depend on its batch" in refreshed.why_whole


def test_rows_of_another_arithmetic_are_not_kept(tmp_path: Path) -> None:
    rows = full_rows(WORDS, list(all_contexts(10)))
    elsewhere = rows.with_columns(arithmetic=pl.lit("row of another processor"))
    mixed = rows.with_columns(
        arithmetic=pl.when(pl.col("context_key") == "2_3")
        .then(pl.lit("row elsewhere"))
        .otherwise(pl.lit(""))
    )
    for number, previous in enumerate((elsewhere, mixed)):
        refreshed = refresh(WORDS, WORDS, tmp_path / str(number), previous=previous)
        assert refreshed.n_planned_anew == rows.height
        assert "another processor" in refreshed.why_whole
        assert refreshed.rows.equals(rows)


@dataclass(frozen=True)
class Rankers:
    """A planner held in memory as a source."""

    planner: Planner
    texts: tuple[str, ...]
    config: TableConfig
    candidates: tuple[int, ...] | None = None
    folders: tuple[Path, ...] = ()

    def open(self, folders: Sequence[Path]) -> ContextRanker:
        engine = make_ranker(self.planner, self.texts, self.config)
        if self.candidates is None:
            return engine
        return RankCandidates(engine, self.candidates, len(self.texts), self.config)

    def among(self, candidates: Sequence[int]) -> Rankers:
        return replace(self, candidates=tuple(candidates))

    def plan(self) -> pl.DataFrame:
        ranker = self.open(())
        batches = batches_of_contexts(len(self.texts), self.config.batch_rows)
        return pl.concat([frame_rows(batch, ranker.rank_batch(batch)) for batch in batches])
