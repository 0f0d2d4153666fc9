"""What restriction costs or gains: novel-cluster items found, by where the recommender may look.

A restricted ranking is the whole one without the items of other clusters: counting by cluster what
stands ahead of a wanted item tells its rank under every restriction.

Figures are named ``novel_{where}_{measure}``, with bounds under ``_low`` and ``_high``;
``novel_planned_over_{where}_{measure}`` is the paired difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import polars as pl
from tqdm import tqdm

from training.evaluation.items.measures import measure_ranks
from training.evaluation.items.novel_events import NovelEvents, draw_clusters
from training.evaluation.items.ranks import SequenceScorer, iterate_scores, ranked_ahead
from training.evaluation.items.summary import name_columns, name_intervals
from training.evaluation.metrics import DECIMALS
from training.recommender.data.layout import FIRST_ITEM, ItemLayout

# Shapes: C cases, P positives of all cases, N clusters.

Plans = Sequence[Sequence[int]]
"""Clusters that the recommender may look in, of each case, the best first."""

MEASURES = ("hit_rate_at_10", "ndcg_at_10", "recall_at_10")
N_DRAWS = 20
"""Random choices of clusters whose mean stands for chance in each case."""
PLAN_SIZES = (1, 2, 3, 5, 10)
"""Numbers of planned clusters that the plot compares."""


def rank_within(
    scorer: SequenceScorer, events: NovelEvents, layout: ItemLayout, plans: Mapping[str, Plans]
) -> dict[str, np.ndarray]:
    """Return the rank of every positive within each of the plans, ``[P]`` each.

    Args:
        scorer: whose items are looked at.
        events: the cases.
        layout: says which items are in which cluster.
        plans: by name, clusters of each case.
    """
    positives, clusters = events.held_out.positives, layout.cluster_of_row
    ranks = np.full((len(plans), len(positives.items)), np.inf)  # [plans, P]
    scored = iterate_scores(scorer, events.held_out)
    for case, row in tqdm(scored, total=len(events), desc="restricting", disable=None, leave=False):
        is_open = np.zeros((len(plans), layout.n_clusters), dtype=bool)  # [plans, N]
        for number, plan in enumerate(plans.values()):
            is_open[number, list(plan[case])] = True
        for nth, index in enumerate(positives[case].tolist(), start=positives.offsets[case]):
            index = index - FIRST_ITEM
            if np.isfinite(row[index]):
                ahead = clusters[ranked_ahead(row, index)]
                n_ahead = is_open @ np.bincount(ahead, minlength=layout.n_clusters)  # [plans]
                ranks[:, nth] = np.where(is_open[:, clusters[index]], 1 + n_ahead, np.inf)
    return dict(zip(plans, ranks, strict=True))


def report_restriction(
    scorer: SequenceScorer,
    events: NovelEvents,
    planned: Plans,
    layout: ItemLayout,
    rng: np.random.Generator,
    others: Mapping[str, SequenceScorer] = MappingProxyType({}),
) -> dict[str, float]:
    """Return flat figures of the same recommender under five restrictions.

    - ``anywhere``: none;
    - ``unconsumed``: every cluster that is new to the user, no plan needed;
    - ``planned``: the planned clusters;
    - ``random``: as many unconsumed ones, the mean of ``N_DRAWS`` draws in each case;
    - ``true``: the clusters that were novel in the window, what a perfect plan would allow.

    Of each other scorer ``planned_{name}``: what it finds in the planned clusters.

    ``reach`` is the share of a case's wanted items that lie within, the most that recall can be;
    ``searched_share`` the share of the catalogue that is.

    Args:
        scorer: the recommender to restrict.
        events: cases with items in novel clusters.
        planned: the served plan of each case, cut to the clusters that retrieval would use.
        layout: the catalogue.
        rng: draws the random clusters and the bootstrap's users.
        others: scorers by name.
    """
    n_planned = max((len(plan) for plan in planned), default=0)
    figures: dict[str, float] = {
        "n_novel_cases": len(events),
        "n_novel_users": len(set(events.users)),
        "n_planned_clusters": n_planned,
    }
    if not len(events):
        return figures
    everything = range(layout.n_clusters)
    plans: dict[str, Plans] = {
        "anywhere": [everything] * len(events),
        "unconsumed": [sorted(set(everything).difference(c)) for c in events.consumed_clusters],
        "planned": planned,
        "true": events.novel_clusters,
    }
    draws: dict[str, Plans] = {
        f"random {draw}": draw_clusters(events, layout.n_clusters, n_planned, rng)
        for draw in range(N_DRAWS)
    }
    ranks = rank_within(scorer, events, layout, plans | draws)
    drawn = [_measure(ranks[name], plan, events, layout) for name, plan in draws.items()]
    compared = {name: _measure(ranks[name], plan, events, layout) for name, plan in plans.items()}
    for name, other in others.items():
        within = rank_within(other, events, layout, {name: planned})[name]
        compared[f"planned_{name}"] = _measure(within, planned, events, layout)
    compared["random"] = {
        measure: np.mean([measured[measure] for measured in drawn], axis=0)
        for measure in compared["planned"]
    }
    columns = name_columns(compared, "planned", MEASURES)
    columns = {f"novel_{name}": values for name, values in columns.items()}
    return figures | name_intervals(columns, events.users, rng)


def compare_plan_sizes(
    scorer: SequenceScorer,
    events: NovelEvents,
    planned: Plans,
    layout: ItemLayout,
    rng: np.random.Generator,
) -> pl.DataFrame:
    """Return n_clusters, planned, random: mean hit rate@10 within so many clusters.

    The arguments are those of :func:`report_restriction`; plans as deep as the largest of
    ``PLAN_SIZES``. One random choice per case.
    """
    deepest = draw_clusters(events, layout.n_clusters, max(PLAN_SIZES), rng)
    plans: dict[str, Plans] = {}
    for size in PLAN_SIZES:
        plans[f"planned {size}"] = [plan[:size] for plan in planned]
        plans[f"random {size}"] = [plan[:size] for plan in deepest]
    ranks = rank_within(scorer, events, layout, plans)
    offsets = events.held_out.positives.offsets
    sizes = PLAN_SIZES if len(events) else ()
    columns = {
        kind: [
            float(measure_ranks(ranks[f"{kind} {size}"], offsets, [10])["hit_rate_at_10"].mean())
            for size in sizes
        ]
        for kind in ("planned", "random")
    }
    schema = {"n_clusters": pl.Int64, "planned": pl.Float64, "random": pl.Float64}
    frame = pl.DataFrame({"n_clusters": sizes, **columns}, schema=schema)
    return frame.with_columns(pl.col("planned", "random").round(DECIMALS))


def _measure(
    ranks: np.ndarray, plan: Plans, events: NovelEvents, layout: ItemLayout
) -> dict[str, np.ndarray]:
    """Return ``MEASURES``, reach and searched share of each case, ``[C]`` each."""
    positives = events.held_out.positives
    measured = measure_ranks(ranks, positives.offsets, [10])
    sizes = np.diff(layout.block_starts)  # [N]
    clusters = layout.cluster_of_row[positives.items - FIRST_ITEM]  # [P]
    owner = np.repeat(np.arange(len(events)), positives.lengths)  # [P]
    is_open = np.zeros((len(events), layout.n_clusters), dtype=bool)  # [C, N]
    for case, within in enumerate(plan):
        is_open[case, list(within)] = True
    reached = np.bincount(owner, is_open[owner, clusters], minlength=len(events))
    return {measure: measured[measure] for measure in MEASURES} | {
        "reach": reached / positives.lengths,
        "searched_share": is_open @ sizes / layout.n_items,
    }
