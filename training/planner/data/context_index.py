"""Finds, for a prompt, other transitions that could have shown the same history clusters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from expectations.contracts.values import HISTORY_SIZE, NO_CLUSTER, ClusterContext
from training.planner.config import PlannerConfig
from training.planner.data.transitions import Transitions

# Shapes: R transitions, B prompts, W transitions drawn for each.


class ContextIndex:
    """Transitions by the contexts that their histories hold.

    Many people's histories hold the same context. One forward pass over that prompt can be scored
    against what several of them chose next, so that the list-wise loss sees as many choices as it
    wants at the cost of one.
    """

    def __init__(self, transitions: Transitions, config: PlannerConfig) -> None:
        keys, rows = _incidences(transitions, config)
        order = np.argsort(keys, kind="stable")
        self._rows = rows[order]
        distinct, starts = np.unique(keys[order], return_index=True)
        ends = np.append(starts[1:], len(keys))
        self._span_of = {
            int(key): (int(start), int(end))
            for key, start, end in zip(distinct, starts, ends, strict=True)
        }

    def draw(
        self, contexts: Sequence[ClusterContext], count: int, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Return ``count`` transitions for each context, with replacement, int64 [B, W].

        Raises:
            KeyError: no transition could show one of the contexts.
        """
        spans = np.array([self._span_of[_context_key(context)] for context in contexts])  # [B, 2]
        drawn = rng.integers(spans[:, :1], spans[:, 1:], size=(len(contexts), count))  # [B, W]
        rows: NDArray[np.int64] = self._rows[drawn]
        return rows


def _incidences(
    transitions: Transitions, config: PlannerConfig
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (key of the context, transition), once for each context a history holds."""
    histories = transitions.histories
    if config.context_sampling == "newest":
        histories = histories[:, :HISTORY_SIZE]
    keys, rows = [], []
    for size in range(1, HISTORY_SIZE + 1):
        for columns in combinations(range(histories.shape[1]), size):
            members = np.sort(histories[:, columns], axis=1)  # [R, size]
            full = np.flatnonzero(members[:, 0] != NO_CLUSTER)
            keys.append(_context_keys(members[full]))
            rows.append(full)
    return np.concatenate(keys), np.concatenate(rows)


KEY_BASE = 1 << 20
"""More clusters than any tree has: a context of two is a number of two digits in this base."""


def _context_keys(members: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return one number per row of ascending cluster ids."""
    key = np.zeros(len(members), dtype=np.int64)
    for column in members.T:
        key = key * KEY_BASE + column + 1
    return key


def _context_key(context: ClusterContext) -> int:
    return int(_context_keys(np.array([context.members], dtype=np.int64))[0])
