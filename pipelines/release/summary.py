"""The headline figures of a build: what ``dvc metrics show`` and an MLflow run put first."""

from __future__ import annotations

from collections.abc import Mapping

from training.clusters.distance import DISTANCES

HEADLINES: Mapping[str, tuple[str, str]] = {
    "planner_match_rate": ("planner", "match_rate"),
    "planner_coverage_at_5": ("planner", "coverage_at_5_table"),
    "planner_recall_at_10": ("planner", "recall_at_10_as_served"),
    "planner_recall_at_10_minus_pair_counts": (
        "planner",
        "recall_at_10_as_served_minus_pair_counts",
    ),
    **{
        f"planner_recall_at_10_{distance}": ("planner", f"recall_at_10_{distance}_as_served")
        for distance in DISTANCES
    },
    "recommender_ndcg_at_10": ("recommender", "recommender_ndcg_at_10"),
    "recommender_ndcg_at_10_over_ease": ("recommender", "recommender_over_ease_ndcg_at_10"),
    "recommender_hit_rate_at_10": ("recommender", "recommender_hit_rate_at_10"),
    "recommender_hit_rate_at_10_over_ease": ("recommender", "recommender_over_ease_hit_rate_at_10"),
}
"""Name of a headline: the file of ``metrics/`` that its figure is from, and its name there."""


def take_headlines(figures: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return the headlines that there are figures for.

    Args:
        figures: content of a file of ``metrics/``, by the file's name.
    """
    return {
        headline: figures[concern][name]
        for headline, (concern, name) in HEADLINES.items()
        if name in figures.get(concern, {})
    }
