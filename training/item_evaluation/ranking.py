"""Full rankings of held-out cases, with figures, intervals and segments by activity.

Shapes: C cases, M measures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from tqdm import tqdm

from training.item_evaluation.baselines import BatchScorer
from training.metrics import (
    Interval,
    bootstrap_intervals,
    hit_rate_at_k,
    ndcg_at_k,
    recall_at_k,
    reciprocal_rank,
)
from training.recommender.layout import ItemLayout
from training.recommender.recommender import top_places

DEPTHS = (10, 20)
MEASURES = tuple(f"{name}_at_{k}" for k in DEPTHS for name in ("hit_rate", "ndcg", "mrr", "recall"))
CASES_AT_ONCE = 512
SEGMENTS = ("light", "medium", "heavy")


@dataclass(frozen=True)
class ItemCases:
    """Held-out cases, one per user and origin; position ``c`` of every field is one case.

    Attributes:
        users: who.
        recent_items: positive items before the origin, newest first.
        consumed_items: all items before the origin; never ranked.
        positives: unseen items liked in the window, at least one.
    """

    users: tuple[str, ...]
    recent_items: tuple[list[str], ...]
    consumed_items: tuple[list[str], ...]
    positives: tuple[frozenset[str], ...]

    @classmethod
    def from_frame(cls, frame: pl.DataFrame, split: str) -> ItemCases:
        """Return the cases of one split of ITEM_CASES."""
        chosen = frame.filter(pl.col("split") == split)
        return cls(
            users=tuple(chosen["user_id"].to_list()),
            recent_items=tuple(chosen["recent_items"].to_list()),
            consumed_items=tuple(chosen["consumed_items"].to_list()),
            positives=tuple(frozenset(items) for items in chosen["positives"].to_list()),
        )

    def __len__(self) -> int:
        return len(self.users)

    @property
    def segments(self) -> np.ndarray:
        """The activity of each case, ``SEGMENTS[s]``: thirds by the number of consumed items."""
        counts = np.array([len(items) for items in self.consumed_items])
        ranks = np.argsort(np.argsort(counts, kind="stable"), kind="stable")
        return ranks * len(SEGMENTS) // max(len(self), 1)


def rank_cases(
    scorer: BatchScorer, cases: ItemCases, layout: ItemLayout, title: str
) -> list[list[str]]:
    """Return the best items of each case, to the deepest of ``DEPTHS``, consumed ones left out."""
    rankings = []
    starts = range(0, len(cases), CASES_AT_ONCE)
    for start in tqdm(starts, desc=f"ranking by {title}", disable=None, leave=False):
        rows = slice(start, start + CASES_AT_ONCE)
        scores = scorer.score_batch(cases.recent_items[rows])  # [cases at once, items]
        for of_case, consumed in zip(scores, cases.consumed_items[rows], strict=True):
            of_case[layout.places_of(consumed)] = -np.inf
            best = top_places(of_case, max(DEPTHS))
            rankings.append([layout.item_ids[place] for place in best])
    return rankings


def measure_rankings(rankings: Sequence[Sequence[str]], cases: ItemCases) -> np.ndarray:
    """Return every measure of every case, ``[C, M]`` in the order of ``MEASURES``."""
    rows = [
        [
            figure
            for k in DEPTHS
            for figure in (
                hit_rate_at_k(ranked, wanted, k),
                ndcg_at_k(ranked, wanted, k),
                reciprocal_rank(ranked[:k], wanted),
                recall_at_k(ranked, wanted, k),
            )
        ]
        for ranked, wanted in zip(rankings, cases.positives, strict=True)
    ]
    return np.array(rows).reshape(len(cases), len(MEASURES))


def summarise_models(
    measured: Mapping[str, np.ndarray], cases: ItemCases, rng: np.random.Generator
) -> dict[str, float]:
    """Return flat figures of every model: means with intervals over users, and segments.

    Args:
        measured: of each model, ``[C, M]``; the first is ours, and is compared with each other.
        cases: what was measured on.
        rng: draws the bootstrap's users.
    """
    users = list(cases.users)
    figures: dict[str, float] = {"n_cases": len(cases), "n_users": len(set(users))}
    ours = next(iter(measured))
    for model, values in measured.items():
        intervals = bootstrap_intervals(values, users, rng)
        for measure, interval in zip(MEASURES, intervals, strict=True):
            figures |= name_interval(f"{model}_{measure}", interval)
        if model != ours:
            column = MEASURES.index("ndcg_at_10")
            gain = bootstrap_intervals((measured[ours] - values)[:, [column]], users, rng)
            figures |= name_interval(f"{ours}_over_{model}_ndcg_at_10", gain[0])
    return figures | _summarise_segments(measured, cases, rng)


def name_interval(name: str, interval: Interval) -> dict[str, float]:
    """Return a mean under its name and its bounds under the name with ``_low`` and ``_high``."""
    bounds = {name: interval.mean, f"{name}_low": interval.low, f"{name}_high": interval.high}
    return {key: round(value, 6) for key, value in bounds.items()}


def _summarise_segments(
    measured: Mapping[str, np.ndarray], cases: ItemCases, rng: np.random.Generator
) -> dict[str, float]:
    figures: dict[str, float] = {}
    column = MEASURES.index("ndcg_at_10")
    for place, segment in enumerate(SEGMENTS):
        rows = np.flatnonzero(cases.segments == place)
        figures[f"n_cases_{segment}"] = len(rows)
        if not len(rows):
            continue
        users = [cases.users[row] for row in rows]
        for model, values in measured.items():
            interval = bootstrap_intervals(values[rows][:, [column]], users, rng)[0]
            figures |= name_interval(f"{model}_ndcg_at_10_{segment}", interval)
    return figures
