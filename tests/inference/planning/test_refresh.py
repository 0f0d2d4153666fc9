"""A partial refresh is a full run: over random changes of the clusters, the same ids and scores."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from expectations.contracts.values import ClusterPair, all_pairs
from inference.planning.config import TableConfig
from inference.planning.plan_table import PlanTable
from inference.planning.ranking import rank_scores
from inference.planning.refresh import compare_descriptions, merge_rows
from inference.planning.shards import ROWS_SCHEMA, frame_rows
from inference.planning.table import stamp_rows
from tests.worlds.planning import END

CONFIG = TableConfig(depth=4, whole_up_to=6, score_step=0.01)


def score(texts: Sequence[str], pair: ClusterPair, cluster: int) -> float:
    """A score of the three texts alone, coarse enough that many are equal."""
    words = [*(texts[member] for member in pair.members), texts[cluster]]
    digest = hashlib.sha256("|".join(words).encode()).digest()
    return -digest[0] % 40 / 100


def full_rows(
    texts: Sequence[str], pairs: Sequence[ClusterPair], among: Sequence[int] | None = None
) -> pl.DataFrame:
    """The rows of a full run, or of one that scores some clusters only."""
    pieces = [ROWS_SCHEMA.to_frame()]
    for pair in pairs:
        scores = np.full((1, len(texts)), -np.inf)
        for cluster in range(len(texts)) if among is None else among:
            scores[0, cluster] = score(texts, pair, cluster)
        pieces.append(frame_rows([pair], rank_scores(scores, [pair], CONFIG)))
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
    kept = [pair for pair in all_pairs(len(after)) if set(pair.members) <= set(changes.kept)]
    if not kept:
        return
    previous = table_of(full_rows(before, list(all_pairs(len(before)))), len(before))
    rescored = table_of(full_rows(after, kept, changes.new), len(after)) if changes.new else None
    merged = merge_rows(previous, rescored, kept, changes, frozenset(), CONFIG)
    expected = full_rows(after, [ClusterPair.parse(key) for key in merged.rows["pair_key"]])
    assert merged.rows.equals(expected)
    assert len(merged.unproven) + merged.rows.height == len(kept)
    if len(before) <= CONFIG.whole_up_to:  # nothing was left out, so nothing has to be asked again
        assert not merged.unproven
