"""Where the parts of a release lie in the working tree, under the names of the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from inference.serving.manifest import SERVED_PARTS
from pipelines import paths

RELEASE_PARTS: Mapping[str, Path] = {
    "clusters": paths.CLUSTERS,
    "item_clusters": paths.ITEM_CLUSTERS,
    "item_titles": paths.ITEM_TITLES,
    "item_popularity": paths.ITEM_POPULARITY,
    "plan": paths.PLAN_CONFIG,
    "recommender": paths.RECOMMENDER,
    "base_model": paths.BASE_MODEL,
    "planner_adapter": paths.PLANNER_ADAPTER,
    "novel_cluster_table": paths.NOVEL_CLUSTER_TABLE,
    "user_cluster_history": paths.USER_CLUSTER_HISTORY,
    "user_item_history": paths.USER_ITEM_HISTORY,
}


def served_files(folder: Path) -> dict[Path, Path]:
    """Return each served part's file in the working tree and its place in a release folder."""
    return {RELEASE_PARTS[part]: folder / name for part, name in SERVED_PARTS.items()}
