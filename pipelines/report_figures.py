"""The report's sections of figures: sizes, planner, recommender, restriction, experiment, costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from pipelines import paths
from pipelines.artefact_io import read_json, scan_table
from training.item_evaluation.buckets import ITEM_BUCKETS

Figures = Mapping[str, Any]

STAGES = (
    "ingest",
    "clusters",
    "histories",
    "curate",
    "base_model",
    "planner",
    "recommender",
    "table",
    "evaluate",
    "evaluate_recommender",
    "experiment",
    "release",
    "publish",
)
CONTENDERS: Mapping[str, str] = {
    "as_served": "planner, as served",
    "planner_alone": "planner, two newest clusters",
    "pair_counts": "pair counts, as served",
    "ease": "EASE on clusters",
    "popularity": "popularity",
}
MODELS: Mapping[str, str] = {
    "recommender": "transformer",
    "sequential_neighbours": "sequential neighbours",
    "markov_chain": "first-order Markov chain",
    "item_neighbours": "item neighbours",
    "ease": "EASE",
    "popularity": "popularity",
}
LIST_KINDS: Mapping[str, str] = {
    "coverage": "coverage",
    "novelty": "novelty, bits",
    "serendipity": "serendipity",
    "diversity": "diversity",
}
RESTRICTIONS: Mapping[str, str] = {
    "anywhere": "anywhere",
    "planned": "planned clusters",
    "random": "random clusters",
    "true": "the true clusters",
}
OUTCOMES: Mapping[str, str] = {
    "novel_clusters_per_user": "novel clusters liked per person",
    "users_with_novel_cluster_share": "people who liked a novel cluster",
    "kept_novel_clusters_per_user": "of those, liked again",
    "positives_per_shown": "likes per item shown",
    "catalogue_coverage": "share of the catalogue shown",
}


def read_figures(concern: str) -> Figures:
    """Return the metrics of a concern; nothing where that stage has not run."""
    file = paths.metrics_of(concern)
    return read_json(file) if file.is_file() else {}


def show_sizes() -> list[str]:
    """Return what went in and what was built from it."""
    log = scan_table(paths.INTERACTIONS).select(
        n=pl.len(),
        users=pl.col("user_id").n_unique(),
        positive=pl.col("is_positive").mean(),
        first=pl.col("timestamp").min(),
        last=pl.col("timestamp").max(),
    )
    row = log.collect().row(0, named=True)
    n_items = int(scan_table(paths.ITEMS).select(pl.len()).collect().item())
    levels = scan_table(paths.CLUSTERS).group_by("level").len().sort("level").collect()["len"]
    n_rows = int(scan_table(paths.NOVEL_CLUSTER_TABLE).select(pl.len()).collect().item())
    return [
        f"{row['users']:>12,} users",
        f"{n_items:>12,} items",
        f"{row['n']:>12,} interactions, {row['positive']:.0%} of them positive, "
        f"{row['first']:%d %b %Y} to {row['last']:%d %b %Y}",
        f"{levels[-1]:>12,} interest clusters (levels: {' > '.join(map(str, levels))})",
        f"{n_rows:>12,} rows in the novel-cluster table",
    ]


def show_planner(figures: Figures) -> list[str]:
    """Return match rate, coverage, and recall beside the baselines."""
    lines = []
    if "match_rate" in figures:
        asked = figures.get("n_prompts", figures.get("n_rows_table"))
        of = f" of {asked:,} prompts" if asked else ""
        lines.append(f"match rate  {figures['match_rate']:.1%}{of}, decoded without constraint")
    for where, words in (("table", "rows of the table"), ("as_served", "served plans")):
        if f"coverage_at_5_{where}" in figures:
            lines.append(
                f"coverage    {figures[f'coverage_at_5_{where}']:.1%} of the clusters stand in "
                f"the first five places of some {words}"
            )
    if figures.get("n_cases"):
        lines += ["", *_tabulate_recall(figures)]
    return lines


def show_recommender(figures: Figures) -> list[str]:
    """Return the recommender's lists beside its baselines': how right, and what they are like."""
    names = [name for name in MODELS if f"{name}_ndcg_at_10" in figures]
    if not names:
        return []
    right = [
        [MODELS[name], *(_interval(figures, f"{name}_{m}_at_10") for m in ("ndcg", "hit_rate"))]
        for name in names
    ]
    kinds = [
        [MODELS[name], *(_number(figures, f"{name}_{kind}_at_10") for kind in LIST_KINDS)]
        for name in names
    ]
    buckets = [
        [
            MODELS[name],
            *(_number(figures, f"{name}_recall_at_10_{bucket}_items") for bucket in ITEM_BUCKETS),
        ]
        for name in names
    ]
    return [
        *_columns(["", "NDCG@10", "hit rate@10"], right),
        "",
        *_columns(["first ten places", *LIST_KINDS.values()], kinds),
        "",
        *_columns(["recall@10, by how popular the item was", *ITEM_BUCKETS], buckets),
    ]


def show_restriction(figures: Figures) -> list[str]:
    """Return what the recommender finds of novel clusters' items, by where it may look."""
    rows = [
        [
            words,
            *(_interval(figures, f"novel_{where}_{m}") for m in ("hit_rate_at_10", "ndcg_at_10")),
            *(_number(figures, f"novel_{where}_{m}") for m in ("reach", "searched_share")),
        ]
        for where, words in RESTRICTIONS.items()
        if f"novel_{where}_hit_rate_at_10" in figures
    ]
    if not rows:
        return []
    gains = [
        [f"planned over {words}", _interval(figures, f"novel_planned_over_{where}_hit_rate_at_10")]
        for where, words in RESTRICTIONS.items()
        if where != "planned"
    ]
    return [
        f"what {figures['n_novel_users']:,} people came to like in clusters that were new to them "
        f"({figures['n_novel_cases']:,} cases),",
        f"by where the recommender may look; {figures['n_planned_clusters']} planned clusters",
        "",
        *_columns(["", "hit rate@10", "NDCG@10", "within reach", "of the catalogue"], rows),
        "",
        *_columns(["difference in hit rate@10", ""], gains),
    ]


def show_experiment(figures: Figures) -> list[str]:
    """Return how people fared with exploration and without, in the simulated world."""
    if not figures.get("experiment_available"):
        return ["not run: what people would have liked is known of the synthetic world only"]
    rows = [
        [
            words,
            *(
                _interval(figures, f"{arm}_{name}")
                for arm in ("control", "exploration", "difference")
            ),
        ]
        for name, words in OUTCOMES.items()
        if f"difference_{name}" in figures
    ]
    lead = f"{figures.get('users', 0):,} people over {figures.get('rounds', 0)} rounds"
    return [lead, "", *_columns(["", "without", "with exploration", "difference"], rows)]


def show_costs() -> list[str]:
    """Return wall time and peak memory of every stage that has run here."""
    costs = {file.stem: read_json(file) for file in sorted(paths.STAGE_COSTS.glob("*.json"))}
    named = [name for name in STAGES if name in costs]
    rows = [
        [name, f"{costs[name]['wall_seconds']:,.1f} s", f"{costs[name]['peak_memory_mb']:,} MB"]
        for name in named
    ]
    if not rows:
        return []
    total = sum(costs[name]["wall_seconds"] for name in named)
    peak = max(costs[name]["peak_memory_mb"] for name in named)
    rows.append(["all of them", f"{total:,.1f} s", f"{peak:,} MB at most"])
    return _columns(["", "time", "memory"], rows)


def _tabulate_recall(figures: Figures) -> list[str]:
    rows = [
        [words, *(_interval(figures, f"recall_at_{k}_{name}") for k in (1, 5, 10))]
        for name, words in CONTENDERS.items()
        if f"recall_at_10_{name}" in figures
    ]
    lead = (
        f"recall of the novel clusters that {figures.get('n_users', 0):,} people took to later "
        f"({figures['n_cases']:,} cases)"
    )
    return [lead, "", *_columns(["", "recall@1", "recall@5", "recall@10"], rows)]


def _interval(figures: Figures, name: str) -> str:
    if figures.get(name) is None:
        return ""
    low, high = figures.get(f"{name}_low"), figures.get(f"{name}_high")
    beside = "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"
    return f"{figures[name]:.3f}{beside}"


def _number(figures: Figures, name: str) -> str:
    return f"{figures[name]:.3f}" if figures.get(name) is not None else ""


def _columns(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    table = [head, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
