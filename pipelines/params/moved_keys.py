"""Keys that went to another section of ``params.yaml``, so that an error can name the new ones.

One that was renamed where it is stands in ``renamed`` of its own section.
"""

from __future__ import annotations

MOVED_KEYS = {
    "clusters.max_traffic_balance": "gates.clusters.max_traffic_balance",
    "gates.min_target_coverage": "gates.curation.min_target_coverage",
    "gates.max_target_share": "gates.curation.max_target_share",
    "gates.min_coverage_at_5": "gates.table.min_coverage_at_5",
    "gates.min_match_rate": "gates.planner.min_match_rate",
    "gates.max_top1_share": "gates.planner.max_top1_share",
    "gates.max_self_transition_rate": "gates.planner.max_self_transition_rate",
    "gates.max_below_popularity": "gates.recommender.max_below_popularity",
    "gates.max_worsening": "gates.promotion.max_worsening",
    "gates.min_size_ratio": "gates.promotion.min_size_ratio",
    "gates.max_score_shift": "gates.promotion.max_score_shift",
    "table.min_coverage_at_5": "gates.table.min_coverage_at_5",
    "table.min_refresh_jaccard": "gates.table.min_refresh_jaccard",
    "table.engine": "table_run.engine",
    "table.workers": "table_run.workers",
    "table.ray_address": "table_run.ray_address",
    "table.ray_gpus": "table_run.ray_gpus",
    "table.shard_rows": "table_run.shard_rows",
}
"""Old key to new key, both with their sections."""
