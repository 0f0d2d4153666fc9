"""The table is whole, ranked and reproducible; each way of being bad is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.contracts.checks import check_table
from expectations.contracts.tables import NOVEL_CLUSTER_TABLE
from expectations.contracts.values import ClusterContext, all_contexts
from inference.evaluation.case_table import plan_case_table
from inference.plans.config import PlanConfig
from inference.search.config import TableConfig
from inference.search.ranking import RankEverything, rank_scores
from inference.table.describe import describe_table
from inference.table.plan_table import PlanTable
from inference.table.table import batches_of_contexts, fill_table, make_ranker, n_rows
from pipelines.io.artefact_io import to_arrow
from tests.worlds.planning import (
    DESCRIPTIONS,
    END,
    ONE_FAMILY,
    make_planner,
    make_table,
    score_one_by_one,
)

SMALL = TableConfig(batch_rows=4)
N = len(DESCRIPTIONS)


def plan_all(config: TableConfig) -> pl.DataFrame:
    """The whole table of a planner made anew."""
    return fill_table(make_ranker(make_planner(), DESCRIPTIONS, ONE_FAMILY, config), N, END, config)


@pytest.fixture(scope="module")
def planned() -> pl.DataFrame:
    torch.set_num_threads(1)
    return plan_all(SMALL)


def test_the_table_keeps_its_contract_and_holds_every_pair(planned: pl.DataFrame) -> None:
    check_table(to_arrow(planned, NOVEL_CLUSTER_TABLE), NOVEL_CLUSTER_TABLE)
    assert planned["context_key"].to_list() == [context.key for context in all_contexts(N)]
    figures = describe_table(planned, ONE_FAMILY, SMALL)
    assert figures.completeness == figures.valid_share == 1
    assert figures.rows == figures.rows_expected == n_rows(N)


def test_rows_rank_as_the_oracle_does(planned: pl.DataFrame) -> None:
    contexts = [*all_contexts(N)]
    expected = score_one_by_one(make_planner(), contexts[::5], DESCRIPTIONS)
    for context, scores in zip(contexts[::5], expected, strict=True):
        row = planned.row(by_predicate=pl.col("context_key") == context.key, named=True)
        best = [c for c in np.argsort(-scores).tolist() if c not in context.members]
        assert row["novel_clusters"] == best
        assert np.allclose(row["scores"], scores[best], atol=2e-4)


def test_another_run_gives_the_same_bytes(planned: pl.DataFrame) -> None:
    again = plan_all(SMALL)
    assert again.equals(planned)
    assert again["scores"].explode().to_numpy().tobytes() == (
        planned["scores"].explode().to_numpy().tobytes()
    )


def test_other_batches_move_no_cluster(planned: pl.DataFrame) -> None:
    other = plan_all(TableConfig(batch_rows=7))
    assert other["novel_clusters"].equals(planned["novel_clusters"])


@settings(deadline=None)
@given(st.integers(1, 9), st.integers(1, 12))
def test_batches_are_all_pairs_in_order(n_clusters: int, batch_rows: int) -> None:
    batches = list(batches_of_contexts(n_clusters, batch_rows))
    assert [context for batch in batches for context in batch] == list(all_contexts(n_clusters))
    assert max(len(batch) for batch in batches) <= batch_rows


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-6, 0), min_size=5, max_size=5), st.integers(1, 3))
def test_equal_scores_stand_by_id_and_noise_below_the_step_is_nothing(
    steps: list[int], depth: int
) -> None:
    config = TableConfig(whole_up_to=1, depth=depth, per_family=0)
    noise = np.random.default_rng(0).uniform(-4e-5, 4e-5, size=(1, 5))
    context = ClusterContext.of(1, 3)
    exact = rank_scores(np.array([steps]) * 1e-4, [context], config, [0] * 5)
    noisy = rank_scores(np.array([steps]) * 1e-4 + noise, [context], config, [0] * 5)
    expected = sorted({0, 2, 4}, key=lambda cluster: (-steps[cluster], cluster))[:depth]
    assert exact.clusters[0].tolist() == noisy.clusters[0].tolist() == expected
    assert (np.diff(noisy.scores[0]) <= 0).all()


@dataclass(frozen=True)
class Falling:
    """Scores every context alike: lower ids are better."""

    n_clusters: int

    def score_batch(self, contexts: Sequence[ClusterContext]) -> np.ndarray:
        return np.tile(-np.arange(float(self.n_clusters)), (len(contexts), 1))


def test_beyond_the_bound_rows_stop_at_the_depth() -> None:
    config = TableConfig(whole_up_to=10, depth=4, per_family=2)
    table = fill_table(RankEverything(Falling(12), [0] * 12, config), 12, END, config)
    assert table["novel_clusters"].list.len().unique().to_list() == [4]
    assert describe_table(table, [0] * 12, config).valid_share == 1
    assert (
        fill_table(RankEverything(Falling(10), [0] * 10, config), 10, END, config)["novel_clusters"]
        .list.len()
        .max()
        == 9
    )


def test_beyond_the_bound_rows_hold_the_best_of_every_family_too() -> None:
    config = TableConfig(whole_up_to=10, depth=4, per_family=2)
    families = [0] * 6 + [1] * 6
    table = fill_table(RankEverything(Falling(12), families, config), 12, END, config)
    rows = dict(table.select("context_key", "novel_clusters").iter_rows())
    assert rows["0"] == [1, 2, 3, 4, 6, 7]
    assert rows["0_6"] == [1, 2, 3, 4, 7, 8]
    assert rows["2_3"] == [0, 1, 4, 5, 6, 7]
    assert describe_table(table, families, config).valid_share == 1
    lists = pl.col("novel_clusters", "scores")
    for spoiled in (lists.list.head(5), lists.list.gather([0, 1, 2, 3, 5])):
        assert describe_table(table.with_columns(spoiled), families, config).valid_rows == 0
    more = table.with_columns(
        pl.concat_list("novel_clusters", pl.lit(11, pl.Int64)),
        pl.concat_list("scores", pl.lit(-11, pl.Float32)),
    )
    assert describe_table(more, families, config).valid_rows == 0


def planted() -> pl.DataFrame:
    return make_table(np.random.default_rng(1).normal(size=(6, 6)))


def spoil(frame: pl.DataFrame, clusters: list[int], scores: list[float]) -> pl.DataFrame:
    """The planted table with the row of clusters 0 and 1 replaced."""
    here = pl.col("context_key") == "0_1"
    return frame.with_columns(
        pl.when(here)
        .then(pl.lit(pl.Series([clusters])))
        .otherwise("novel_clusters")
        .alias("novel_clusters"),
        pl.when(here)
        .then(pl.lit(pl.Series([scores], dtype=pl.List(pl.Float32))))
        .otherwise("scores")
        .alias("scores"),
    )


@pytest.mark.parametrize(
    ("clusters", "scores"),
    [
        ([2, 3, 4, 1], [-1.0, -2.0, -3.0, -4.0]),  # a member
        ([2, 3, 4, 4], [-1.0, -2.0, -3.0, -4.0]),  # one twice
        ([2, 3, 4, 5], [-1.0, -3.0, -2.0, -4.0]),  # out of order
        ([2, 3, 4], [-1.0, -2.0, -3.0]),  # one short
    ],
)
def test_an_invalid_row_is_counted(clusters: list[int], scores: list[float]) -> None:
    figures = describe_table(spoil(planted(), clusters, scores), [0] * 6, TableConfig())
    assert figures.valid_rows == figures.rows - 1


def test_a_missing_row_is_counted() -> None:
    figures = describe_table(planted()[1:], [0] * 6, TableConfig())
    assert figures.completeness == 20 / 21
    assert figures.valid_share == 1


def test_a_collapsed_table_shows_in_its_figures() -> None:
    likes = np.tile(-np.arange(12.0), (12, 1))
    figures = describe_table(make_table(likes), [0] * 12, TableConfig())
    # cluster 0 is first but where it is a member: 12 of the 78 rows; ids above 6 never get
    # into the first five
    assert figures.top1_largest_share == 66 / 78
    assert figures.coverage_at_5 == 7 / 12
    assert figures.top5_least_tenth_share == 0
    first = make_table(likes)["scores"].list.first()
    assert figures.top1_score_median == pytest.approx(first.median())


def test_rows_looked_up_are_those_of_the_whole_table(planned: pl.DataFrame) -> None:
    whole = PlanTable.from_frame(planned, N)
    histories = [[3, 1, 2], [4], [1, 3], []]
    part = plan_case_table(make_planner(), DESCRIPTIONS, ONE_FAMILY, histories, SMALL, PlanConfig())
    needed = {ClusterContext.of(*context) for context in ((1, 3), (2, 3), (1, 2), (4,))}
    for context in all_contexts(N):
        ours, theirs = part.row(context), whole.row(context)
        assert (ours is not None) == (context in needed)
        if ours is not None and theirs is not None:
            assert ours.novel_clusters.tolist() == theirs.novel_clusters.tolist()
            np.testing.assert_array_equal(ours.scores, theirs.scores)


def test_no_history_needs_no_row() -> None:
    part = plan_case_table(make_planner(), DESCRIPTIONS, ONE_FAMILY, [[], []], SMALL, PlanConfig())
    assert not [context for context in all_contexts(N) if part.row(context)]
