"""The report's sections of figures: sizes, cluster ids, planner, experiment, costs."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from expectations.contracts.tables import CLUSTERS, INTERACTIONS, ITEMS
from pipelines.io import paths
from pipelines.io.artefact_io import count_rows, read_figures, read_json, scan_table
from pipelines.report.report_text import (
    DISTANCE_WORDS,
    Figures,
    show_columns,
    show_interval,
    show_number,
)
from training.clusters.lineage.change_records import TreeChanges

STAGES = (
    "ingest",
    "clusters",
    "histories",
    "curate",
    "collective",
    "base_model",
    "planner",
    "recommender",
    "table",
    "alignment",
    "evaluate",
    "evaluate_recommender",
    "experiment",
    "release",
    "publish",
)
CONTENDERS: Mapping[str, str] = {
    "as_served": "planner, as served",
    "unaligned": "the same, before alignment",
    "planner_alone": "planner, two newest clusters",
    "collective": "the collective signal it learns from",
    "pair_counts": "pair counts, combined alike",
    "pair_counts_aligned": "the same, aligned too",
    "best_baseline": "best single baseline",
    "stack": "all baselines together",
    "stack_with_planner": "the same and the planner",
    "popularity": "popularity",
}
BEST_FLAG = "is_best_baseline_"
OUTCOMES: Mapping[str, str] = {
    "novel_share_of_shown": "novel",
    "positive_rate_of_novel": "of these liked",
    "positives_per_shown": "of all liked",
    "latent_interests_found_per_user": "hidden interests",
}
ARMS: Mapping[str, str] = {
    "control": "no exploration",
    "random": "random novel clusters",
    "popular": "popular novel clusters",
    "pair_counts": "pair counts",
    "hcb": "hierarchical bandit",
    "phcb": "progressive hierarchical bandit",
    "neural_linear": "neural linear bandit",
    "unaligned": "planner, unaligned",
    "planner": "planner, as served",
    "placebo": "planner, names shuffled",
    "oracle": "the truth",
    "planner_adjacent": "planner, next door first",
    "planner_new_family": "planner, new families first",
    "planner_new_field": "planner, new fields first",
    "planner_calibrated": "planner, calibrated share",
}


def figures_of(concern: str) -> Figures:
    """Return the metrics of a concern; nothing where that stage has not run."""
    file = paths.metrics_of(concern)
    return read_figures(file) if file.is_file() else {}


def show_sizes(serving_level: int) -> list[str]:
    """Return what went in and what was built from it; clusters are those of the level served."""
    log = scan_table(paths.INTERACTIONS, INTERACTIONS).select(
        n=pl.len(),
        users=pl.col("user_id").n_unique(),
        positive=pl.col("is_positive").mean(),
        first=pl.col("timestamp").min(),
        last=pl.col("timestamp").max(),
    )
    row = log.collect().row(0, named=True)
    n_items = int(scan_table(paths.ITEMS, ITEMS).select(pl.len()).collect().item())
    nodes = scan_table(paths.CLUSTERS, CLUSTERS)
    levels = nodes.group_by("level").len().sort("level").collect()["len"]
    n_rows = count_rows(paths.NOVEL_CLUSTER_TABLE)
    return [
        f"{row['users']:>12,} users",
        f"{n_items:>12,} items",
        f"{row['n']:>12,} interactions, {row['positive']:.0%} of them positive, "
        f"{row['first']:%d %b %Y} to {row['last']:%d %b %Y}",
        f"{levels[serving_level]:>12,} interest clusters (levels: {' > '.join(map(str, levels))})",
        f"{n_rows:>12,} rows in the novel-cluster table",
    ]


def read_changes() -> TreeChanges:
    """Return what became of the ids of a previous tree; of none where that stage has not run."""
    file = paths.CLUSTER_CHANGES
    return TreeChanges.from_json(read_json(file)) if file.is_file() else TreeChanges()


def show_changes(changes: TreeChanges) -> list[str]:
    """Return, per level, what became of the interests of the previous tree; nothing without one."""
    if not changes.levels:
        return []
    rows = []
    for level in changes.levels:
        fates = changes.count_fates(level)
        counts = (fates.survived, fates.merged, fates.died, fates.split, fates.born)
        rows.append([f"level {level}", *map(str, counts)])
    head = ["", "survived under their id", "merged", "died", "split off", "born"]
    return [*show_columns(head, rows), "", f"each by its name: {paths.CLUSTER_CHANGES_PAGE}"]


def show_planner(figures: Figures) -> list[str]:
    """Return match rate, coverage, and recall beside the baselines."""
    lines = []
    if "match_rate" in figures:
        asked = figures.get("n_prompts", figures.get("n_rows_table"))
        of = f" of {asked:,} prompts" if asked else ""
        lines.append(f"match rate  {figures['match_rate']:.2%}{of}, decoded without constraint")
    for where, words in (("table", "rows of the table"), ("as_served", "served plans")):
        if f"coverage_at_5_{where}" in figures:
            lines.append(
                f"coverage    {figures[f'coverage_at_5_{where}']:.1%} of the clusters stand in "
                f"the first five ranks of some {words}"
            )
    if figures.get("n_cases"):
        lines += ["", *_tabulate_recall(figures)]
        lines += ["", *far] if (far := _tabulate_distances(figures)) else []
    return lines


def _tabulate_distances(figures: Figures) -> list[str]:
    """Return how far plans lead, beside what people took to, and what is found at each distance."""
    columns = {
        "of the first five planned": "share_at_5_{}_as_served",
        "of what people took to": "share_liked_{}",
        "recall@10": "recall_at_10_{}_as_served",
        "of pair counts": "recall_at_10_{}_pair_counts",
    }
    rows = [
        [words, *(show_number(figures, form.format(distance)) for form in columns.values())]
        for distance, words in DISTANCE_WORDS.items()
        if f"share_liked_{distance}" in figures
    ]
    return show_columns(["how far", *columns], rows) if rows else []


def show_experiment(figures: Figures) -> list[str]:
    """Return how people fared with exploration and without, in the simulated world."""
    if not figures.get("experiment_available"):
        return ["not run: what people would have liked is known of the synthetic world only"]
    rows = [
        [words, *(f"{figures[f'{arm}_{name}']:.3f}" for name in OUTCOMES)]
        for arm, words in ARMS.items()
        if f"{arm}_positives_per_shown" in figures
    ]
    lead = f"{figures.get('users', 0):,} people over {figures.get('rounds', 0)} rounds"
    lines = [lead, "", *show_columns(["", *OUTCOMES.values()], rows)]
    rivals = [arm for arm in ARMS if f"planner_minus_{arm}_positive_rate_of_novel" in figures]
    compared = ("positive_rate_of_novel", "latent_interests_found_per_user")
    differences = [
        [ARMS[arm], *(show_interval(figures, f"planner_minus_{arm}_{name}") for name in compared)]
        for arm in rivals
    ]
    if not differences:
        return lines
    header = ["the planner over", *(OUTCOMES[name] for name in compared)]
    return [*lines, "", *show_columns(header, differences)]


def show_costs() -> list[str]:
    """Return wall and processor time and peak memory of every stage that has run here."""
    costs = {file.stem: read_figures(file) for file in sorted(paths.STAGE_COSTS.glob("*.json"))}
    named = [name for name in STAGES if name in costs]
    rows = [
        [
            name,
            f"{costs[name]['wall_seconds']:,.1f} s",
            f"{costs[name].get('processor_seconds', 0):,.1f} s",
            f"{costs[name]['peak_memory_mb']:,} MB",
        ]
        for name in named
    ]
    if not rows:
        return []
    total = sum(costs[name]["wall_seconds"] for name in named)
    processor = sum(costs[name].get("processor_seconds", 0) for name in named)
    peak = max(costs[name]["peak_memory_mb"] for name in named)
    rows.append(["all of them", f"{total:,.1f} s", f"{processor:,.1f} s", f"{peak:,} MB at most"])
    return show_columns(["", "time", "processor", "memory"], rows)


def _tabulate_recall(figures: Figures) -> list[str]:
    rows = [
        [words, *(show_interval(figures, f"recall_at_{k}_{name}") for k in (1, 5, 10))]
        for name, words in CONTENDERS.items()
        if f"recall_at_10_{name}" in figures
    ]
    lead = (
        f"recall of the novel clusters that {figures.get('n_users', 0):,} people took to later "
        f"({figures['n_cases']:,} cases)"
    )
    shown = [lead, "", *show_columns(["", "recall@1", "recall@5", "recall@10"], rows)]
    best = [name.removeprefix(BEST_FLAG) for name in figures if name.startswith(BEST_FLAG)]
    chosen = [name for name in best if figures[f"{BEST_FLAG}{name}"]]
    if chosen:
        shown += ["", f"best single baseline on validation: {chosen[0].replace('_', ' ')}"]
    return shown
