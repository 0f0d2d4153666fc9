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
from inference.search.ranking import (
    ContextRanker,
    RankedContexts,
    depth_of_family,
    rank_scores,
)
from inference.table.partial_run import (
    PreviousTable,
    RefreshedRows,
    common_arithmetic,
    refresh_rows,
)
from inference.table.plan_table import PlanTable
from inference.table.refresh import (
    Families,
    RankCandidates,
    compare_descriptions,
    merge_rows,
)
from inference.table.shards import ROWS_SCHEMA, MicroBatch, frame_rows, join_rows
from inference.table.table import batches_of_contexts, make_ranker, stamp_rows
from pipelines.table.table_shards import ShardFolder
from tests.worlds.planning import DESCRIPTIONS, END, make_planner, unsettle
from training.planner.base.model_io import Planner

CONFIG = TableConfig(
    score="open", depth=3, per_family=2, whole_up_to=6, score_step=0.01, worker_threads=1
)
MOST = 14  # clusters of a table here


def score(texts: Sequence[str], context: ClusterContext, cluster: int) -> float:
    """A score of the three texts alone, coarse enough that many are equal."""
    words = [*(texts[member] for member in context.members), texts[cluster]]
    digest = hashlib.sha256("|".join(words).encode()).digest()
    return -digest[0] % 40 / 100


def full_rows(
    texts: Sequence[str],
    families: Sequence[int],
    contexts: Sequence[ClusterContext],
    among: Sequence[int] | None = None,
) -> pl.DataFrame:
    """The rows of a full run, or of one that scores some clusters only."""
    pieces = [ROWS_SCHEMA.to_frame()]
    for context in contexts:
        scores = np.full((1, len(texts)), -np.inf)
        for cluster in range(len(texts)) if among is None else among:
            scores[0, cluster] = score(texts, context, cluster)
        pieces.append(frame_rows([context], rank_scores(scores, [context], CONFIG, families)))
    return pl.concat(pieces)


def table_of(rows: pl.DataFrame, n_clusters: int) -> PlanTable:
    return PlanTable.from_frame(stamp_rows(rows, END), n_clusters)


def known_families(families: Sequence[int], config: TableConfig = CONFIG) -> tuple[int, ...] | None:
    """What the record of a table says of its families."""
    return tuple(families) if depth_of_family(len(families), config) else None


family_lists = st.lists(st.integers(0, 3), min_size=MOST, max_size=MOST)
worlds = st.tuples(
    st.integers(3, 11).flatmap(
        lambda n: st.tuples(
            st.permutations([f"word {i}" for i in range(n)]),
            st.dictionaries(st.integers(0, n - 1), st.integers(0, 99), max_size=4),
            st.integers(-3, 3),
        )
    ),
    family_lists,
    st.none() | family_lists,  # clusters may move to another family
)
World = tuple[tuple[list[str], dict[int, int], int], list[int], list[int] | None]


@dataclass(frozen=True)
class Build:
    """Clusters of a table: their names, and their families."""

    texts: tuple[str, ...]
    families: tuple[int, ...]

    def rows(self, among: Sequence[int] | None = None) -> pl.DataFrame:
        return full_rows(self.texts, self.families, list(all_contexts(len(self.texts))), among)


def builds_of(world: World) -> tuple[Build, Build]:
    """The clusters before and after."""
    (before, renames, growth), families, moved = world
    after = [f"new {renames[i]} {i}" if i in renames else text for i, text in enumerate(before)]
    after = [*after, *(f"born {i}" for i in range(growth))][: max(3, len(before) + growth)]
    return (
        Build(tuple(before), tuple(families[: len(before)])),
        Build(tuple(after), tuple((moved or families)[: len(after)])),
    )


@settings(max_examples=100, deadline=None)
@given(worlds)
def test_merged_rows_are_those_of_a_full_run(world: World) -> None:
    before, after = builds_of(world)
    n_before, n_after = len(before.texts), len(after.texts)
    changes = compare_descriptions(before.texts, after.texts)
    kept = [
        context for context in all_contexts(n_after) if set(context.members) <= set(changes.kept)
    ]
    if not kept:
        return
    previous = table_of(before.rows(), n_before)
    rescored = table_of(after.rows(changes.new), n_after) if changes.new else None
    families = Families(known_families(before.families), after.families)
    merged = merge_rows(previous, rescored, kept, changes, families, frozenset(), CONFIG, "")
    contexts = [ClusterContext.parse(key) for key in merged.rows["context_key"]]
    assert merged.rows.equals(full_rows(after.texts, after.families, contexts))
    assert len(merged.unproven) + merged.rows.height == len(kept)
    if n_before <= CONFIG.whole_up_to:  # nothing was left out, so nothing has to be asked again
        assert not merged.unproven
    if not changes and before.families == after.families:
        assert not merged.unproven


@dataclass(frozen=True)
class Scored:
    """A source whose ranker scores by the texts alone; it can be asked for some clusters only."""

    texts: tuple[str, ...]
    families: tuple[int, ...]
    candidates: tuple[int, ...] | None = None
    folders: tuple[Path, ...] = ()

    def open(self, folders: Sequence[Path]) -> Scored:
        return self

    def among(self, candidates: Sequence[int]) -> Scored:
        return replace(self, candidates=tuple(candidates))

    def rank_batch(self, contexts: Sequence[ClusterContext]) -> RankedContexts:
        scores = np.full((len(contexts), len(self.texts)), -np.inf)
        for row, context in enumerate(contexts):
            for cluster in self.candidates or range(len(self.texts)):
                scores[row, cluster] = score(self.texts, context, cluster)
        return rank_scores(scores, contexts, CONFIG, self.families)


def refresh(
    before: Build,
    after: Build,
    folder: Path,
    source: object = None,
    config: TableConfig = CONFIG,
    unproven: frozenset[str] = frozenset(),
    previous: pl.DataFrame | None = None,
) -> RefreshedRows:
    """Refresh the table of ``before`` into that of ``after``."""
    rows = before.rows() if previous is None else previous
    table = table_of(rows, len(before.texts))
    families = known_families(before.families, config)
    known = PreviousTable(table, before.texts, families, unproven, common_arithmetic(rows))

    def open_store(part: str, batches: Sequence[MicroBatch]) -> ShardFolder:
        return ShardFolder(folder / part, {"part": part}, batches)

    scored = source or Scored(after.texts, after.families)
    run = TableRunConfig()
    return refresh_rows(known, after.texts, after.families, scored, config, run, open_store)


WORDS = Build(tuple(f"word {i}" for i in range(10)), (0, 0, 0, 1, 1, 1, 2, 2, 2, 2))


def test_a_refresh_plans_no_more_than_it_must(tmp_path: Path) -> None:
    after = replace(WORDS, texts=("new name", *WORDS.texts[1:]))
    refreshed = refresh(WORDS, after, tmp_path)
    assert refreshed.rows.equals(after.rows())
    assert refreshed.n_rescored == 45  # the pairs and singles of the other nine
    anew = refreshed.n_planned_anew - 10  # those of the changed one are always planned
    # a row that held the changed cluster may have lost its last place for good; no other row
    held = sum(0 in row for row in WORDS.rows()["novel_clusters"].to_list())
    assert 0 <= anew <= held


@settings(max_examples=25, deadline=None)
@given(worlds)
def test_a_refresh_is_a_full_run(tmp_path_factory: pytest.TempPathFactory, world: World) -> None:
    before, after = builds_of(world)
    refreshed = refresh(before, after, tmp_path_factory.mktemp("refresh"))
    assert refreshed.rows.equals(after.rows())


def test_nothing_changed_plans_nothing(tmp_path: Path) -> None:
    refreshed = refresh(WORDS, WORDS, tmp_path)
    assert refreshed.n_planned_anew == refreshed.n_rescored == 0
    assert refreshed.rows.equals(WORDS.rows())


def test_rows_of_the_best_of_all_are_planned_again_where_families_are_asked_for() -> None:
    whole, contexts = WORDS.rows(), list(all_contexts(10))
    head = pl.col("novel_clusters", "scores").list.head(CONFIG.depth)
    earlier = table_of(whole.with_columns(head), 10)
    changes = compare_descriptions(WORDS.texts, WORDS.texts)
    families = Families(None, WORDS.families)
    merged = merge_rows(earlier, None, contexts, changes, families, frozenset(), CONFIG, "")
    assert len(merged.unproven) > len(contexts) // 2
    again = full_rows(WORDS.texts, WORDS.families, merged.unproven)
    assert join_rows([merged.rows, again], contexts).equals(whole)


def test_rows_that_were_not_proven_are_planned_again(tmp_path: Path) -> None:
    refreshed = refresh(WORDS, WORDS, tmp_path, unproven=frozenset({"2_3", "4"}))
    assert refreshed.n_planned_anew == 2


def test_a_score_that_depends_on_all_descriptions_is_refused(tmp_path: Path) -> None:
    closed = CONFIG.model_copy(update={"score": "closed"})
    fewer = Build(WORDS.texts[:-1], WORDS.families[:-1])
    with pytest.raises(UserError, match=r"table\.previous: a changed cluster leaves"):
        refresh(WORDS, fewer, tmp_path, config=closed)
    assert refresh(WORDS, WORDS, tmp_path, config=closed).n_planned_anew == 0


FINE = TableConfig(
    score="open",
    depth=3,
    per_family=1,
    batch_rows=8,
    worker_threads=1,
    score_step=1e-7,  # so fine that a change in the last bits would show
)
AFTER = ("jazz piano", *DESCRIPTIONS[1:5], "night buses", *DESCRIPTIONS[6:], "river kayaks")


def refresh_planner(planner: Planner, config: TableConfig, folder: Path) -> RefreshedRows:
    """Refresh the planner's own rows, and hold the outcome against a full run, to the last bit."""
    torch.set_num_threads(1)
    before, after = (
        Build(texts, tuple(range(len(texts) // 3)) * 3 + (0,) * (len(texts) % 3))
        for texts in (DESCRIPTIONS, AFTER)
    )
    planned = [Rankers(planner, build, config).plan() for build in (before, after)]
    source = Rankers(planner, after, config)
    refreshed = refresh(before, after, folder, source, config, previous=planned[0])
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
    rows = WORDS.rows()
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
    build: Build
    config: TableConfig
    candidates: tuple[int, ...] | None = None
    folders: tuple[Path, ...] = ()

    def open(self, folders: Sequence[Path]) -> ContextRanker:
        families = self.build.families
        engine = make_ranker(self.planner, self.build.texts, families, self.config)
        if self.candidates is None:
            return engine
        return RankCandidates(engine, self.candidates, families, self.config)

    def among(self, candidates: Sequence[int]) -> Rankers:
        return replace(self, candidates=tuple(candidates))

    def plan(self) -> pl.DataFrame:
        ranker = self.open(())
        batches = batches_of_contexts(len(self.build.texts), self.config.batch_rows)
        return pl.concat([frame_rows(batch, ranker.rank_batch(batch)) for batch in batches])
