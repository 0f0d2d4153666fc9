"""Finds, for a prompt, other transitions that could have shown the same history clusters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from expectations.contracts.values import HISTORY_SIZE, NO_CLUSTER, ClusterPair
from training.planner.config import PlannerConfig
from training.planner.data.examples import Examples

# Shapes: R transitions, B prompts, W companions of each.


class Companions:
    """Transitions by the contexts that their histories hold.

    Many people's histories hold the same pair. One forward pass over that prompt can be scored
    against what several of them chose next, so that the list-wise loss sees as many choices as it
    wants at the cost of one.
    """

    def __init__(self, examples: Examples, config: PlannerConfig) -> None:
        places, rows = _incidences(examples, config)
        order = np.argsort(places, kind="stable")
        self._rows = rows[order]
        keys, starts = np.unique(places[order], return_index=True)
        ends = np.append(starts[1:], len(places))
        self._span_of = {
            int(key): (int(start), int(end))
            for key, start, end in zip(keys, starts, ends, strict=True)
        }

    def draw(
        self, contexts: Sequence[ClusterPair], count: int, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Return ``count`` transitions for each context, with replacement, int64 [B, W].

        Raises:
            KeyError: no transition could show one of the contexts.
        """
        spans = np.array([self._span_of[_place(context)] for context in contexts])  # [B, 2]
        drawn = rng.integers(spans[:, :1], spans[:, 1:], size=(len(contexts), count))  # [B, W]
        companions: NDArray[np.int64] = self._rows[drawn]
        return companions


def _incidences(
    examples: Examples, config: PlannerConfig
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (place of the context, transition), once for each context a history holds."""
    histories = examples.histories
    if config.context_sampling == "newest":
        histories = histories[:, :HISTORY_SIZE]
    places, rows = [], []
    for size in range(1, HISTORY_SIZE + 1):
        for columns in combinations(range(histories.shape[1]), size):
            members = np.sort(histories[:, columns], axis=1)  # [R, size]
            full = np.flatnonzero(members[:, 0] != NO_CLUSTER)
            places.append(_places(members[full]))
            rows.append(full)
    return np.concatenate(places), np.concatenate(rows)


SPREAD = 1 << 20  # more clusters than any tree has


def _places(members: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return one number per row of ascending cluster ids."""
    place = np.zeros(len(members), dtype=np.int64)
    for column in members.T:
        place = place * SPREAD + column + 1
    return place


def _place(context: ClusterPair) -> int:
    return int(_places(np.array([context.members], dtype=np.int64))[0])
