"""What a stage says of itself when it has ended: what it made, and its main figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipelines.io import paths
from pipelines.io.artefact_io import count_rows, read_figures

WORDS: Mapping[str, tuple[str, str]] = {
    "ingest": (
        "ingest",
        "{n_items:,.0f} items, {n_users:,.0f} users, {n_interactions:,.0f} interactions",
    ),
    "clusters": (
        "clusters",
        "{n_clusters:,.0f} interest clusters, whose names tell of {name_coverage:.1%} of traffic",
    ),
    "curate": (
        "curation",
        "{train_transitions:,.0f} transitions to train on, {test_cases:,.0f} cases to test on",
    ),
    "collective": ("collective", "the collective signal, validation loss {validation_loss:.3f}"),
    "planner": (
        "planner_training",
        "the planner, best after {best_step:,.0f} of {steps_made:,.0f} steps",
    ),
    "table": ("table", "{rows:,.0f} rows, coverage@5 {coverage_at_5:.1%}"),
    "alignment": ("alignment", "the alignment, validation recall {validation_recall_gain:+.3f}"),
    "evaluate": (
        "planner",
        "recall@10 as served {recall_at_10_as_served:.3f}, match rate {match_rate:.1%}",
    ),
    "evaluate_recommender": (
        "recommender",
        "NDCG@10 {recommender_ndcg_at_10:.4f}, hit rate@10 {recommender_hit_rate_at_10:.3f}",
    ),
    "release": ("summary", "the release's manifest"),
}
"""By stage: the file of ``metrics/`` and what is said of its figures."""

MADE: Mapping[str, str] = {
    "base_model": "the base language model",
    "recommender": "the sequence recommender",
    "experiment": "the simulated live experiment",
    "publish": "features online, models registered",
}
"""What is made where nothing is judged; publishing is no stage of DVC but says so too."""


def describe_stage(name: str) -> str:
    """Return what a stage made, with its main figure where it has one."""
    if name == "histories":
        rows = [count_rows(file) for file in _histories()]
        return f"{rows[0]:,} states of clusters and {rows[1]:,} of items"
    if name not in WORDS:
        return MADE[name]
    concern, words = WORDS[name]
    return words.format_map(read_figures(paths.metrics_of(concern)))


def _histories() -> tuple[Path, Path]:
    return paths.USER_CLUSTER_HISTORY, paths.USER_ITEM_HISTORY
