"""Reads a loaded release back from the online store, row by row, and judges what came back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from expectations.contracts.tables import USER
from expectations.contracts.values import ClusterContext
from expectations.gates.bounds import Bound
from inference.features.online_features import FeatureReader, UserFeatures
from pipelines.guards.guards import StageGuards
from pipelines.io import paths

ROWS_AT_ONCE = 5_000
"""As many as one write takes; bounds what is held beside the store's answer."""


@dataclass(frozen=True)
class Found:
    """How the rows of one view came back; ``example`` is the key of one that did not."""

    looked_up: int
    missing: int
    altered: int
    example: str


def guard_read_back(
    reader: FeatureReader, release_id: str, users: pl.DataFrame, table: Iterable[pl.DataFrame]
) -> int:
    """Compare every row with what was to be written, and return how many there are.

    Args:
        reader: the online store, past any memory of earlier reads.
        release_id: the release.
        users: the newest states, both histories side by side.
        table: NOVEL_CLUSTER_TABLE, piece by piece.

    Raises:
        GateError: rows are missing, altered, or there are none.
    """
    views = {
        "users": compare_users(reader, release_id, users),
        "contexts": compare_contexts(reader, release_id, table),
    }
    figures: dict[str, float] = {}
    bounds = []
    for name, found in views.items():
        look = "run `explorer publish` again; if it stays, "
        look += "look at the online store"
        look += f" ({name}: {found.example})" if found.example else ""
        figures |= {
            f"{name}_looked_up": found.looked_up,
            f"{name}_missing": found.missing,
            f"{name}_altered": found.altered,
        }
        bounds += [
            Bound(f"{name}_looked_up", 1, None, "block", look),
            Bound(f"{name}_missing", None, 0, "block", look),
            Bound(f"{name}_altered", None, 0, "block", look),
        ]
    guards = StageGuards(paths.READ_BACK_REPORT)
    guards.judge_figures("features_read_back", figures, bounds)
    guards.settle()
    return sum(found.looked_up for found in views.values())


def compare_users(reader: FeatureReader, release_id: str, states: pl.DataFrame) -> Found:
    """Return how the users of ``states`` are in the store."""
    return _count(_user_states(reader, release_id, states))


def compare_contexts(
    reader: FeatureReader, release_id: str, table: Iterable[pl.DataFrame]
) -> Found:
    """Return how the contexts of ``table`` are in the store."""
    return _count(_context_states(reader, release_id, table))


State = tuple[str, bool, bool]
"""A key, whether it has a row, and whether the row is what was written."""


def _count(states: Iterator[State]) -> Found:
    looked_up = missing = altered = 0
    example = ""
    for key, is_there, is_equal in states:
        looked_up += 1
        missing += not is_there
        altered += is_there and not is_equal
        if not is_equal:
            example = example or key
    return Found(looked_up, missing, altered, example)


def _user_states(reader: FeatureReader, release_id: str, states: pl.DataFrame) -> Iterator[State]:
    for piece in states.iter_slices(ROWS_AT_ONCE):
        found = reader.read_users(release_id, piece[USER.name].to_list())
        for row in piece.iter_rows(named=True):
            expected = UserFeatures(
                tuple(row["history_clusters"]),
                tuple(row["consumed_clusters"]),
                tuple(row["recent_items"] or ()),
                tuple(row["consumed_items"] or ()),
            )
            user = row[USER.name]
            yield user, user in found, found.get(user) == expected


def _context_states(
    reader: FeatureReader, release_id: str, table: Iterable[pl.DataFrame]
) -> Iterator[State]:
    for piece in table:
        contexts = [ClusterContext.parse(key) for key in piece["context_key"].to_list()]
        found = reader.fetch_rows(release_id, contexts)
        lists = zip(contexts, piece["novel_clusters"], piece["scores"], strict=True)
        for context, clusters, scores in lists:
            row = found.get(context)
            is_equal = (
                row is not None
                and np.array_equal(row.novel_clusters, clusters.to_numpy())
                and np.array_equal(row.scores, scores.to_numpy())
            )
            yield context.key, row is not None, is_equal
