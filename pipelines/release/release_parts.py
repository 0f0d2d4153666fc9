"""Where the parts of a release lie in the working tree, under the names of the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from expectations.contracts.tables import LIST_FIGURES, PLAN_FIGURES
from inference.release.manifest import MEASURED_FILES, SERVED_PARTS
from pipelines.io import paths

RELEASE_PARTS: Mapping[str, Path] = {
    "clusters": paths.CLUSTERS,
    "item_clusters": paths.ITEM_CLUSTERS,
    "tree_centroids": paths.TREE_CENTROIDS,
    "item_titles": paths.ITEM_TITLES,
    "item_popularity": paths.ITEM_POPULARITY,
    "plan": paths.PLAN_CONFIG,
    "alignment": paths.ALIGNMENT,
    "data_seen": paths.DATA_SEEN,
    "recommender": paths.RECOMMENDER,
    "base_model": paths.BASE_MODEL,
    "planner_adapter": paths.PLANNER_ADAPTER,
    "novel_cluster_table": paths.NOVEL_CLUSTER_TABLE,
    "user_cluster_history": paths.USER_CLUSTER_HISTORY,
    "user_item_history": paths.USER_ITEM_HISTORY,
}

MEASURED: Mapping[str, Path] = {
    PLAN_FIGURES.name: paths.PLAN_FIGURES,
    LIST_FIGURES.name: paths.LIST_FIGURES,
}


def carried_files(folder: Path) -> dict[Path, Path]:
    """Return each file of the working tree that a release carries, and its place in ``folder``."""
    served = {RELEASE_PARTS[part]: folder / name for part, name in SERVED_PARTS.items()}
    measured = {MEASURED[table]: folder / name for table, name in MEASURED_FILES.items()}
    return {**served, **measured}
