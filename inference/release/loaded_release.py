"""A release in memory: everything a request needs beside the online store."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import polars as pl

from expectations.contracts.errors import ReleaseError
from expectations.contracts.values import DataSeen
from inference.plans.combine import ServedPlan
from inference.plans.config import PlanConfig
from inference.release.catalogue import Catalogue
from inference.release.manifest import SERVED_PARTS, ReleaseManifest
from inference.release.release_source import FetchedRelease
from training.alignment.alignment import Alignment
from training.alignment.alignment_io import load_alignment
from training.clusters.tree.assign import TreeCentroids
from training.clusters.tree.centroids_io import load_centroids
from training.clusters.tree_view import ServingClusters, serving_clusters
from training.item_scoring.recently_used import RecentlyUsed
from training.recommender.model.recommender import SequenceRecommender
from training.recommender.protocol import Recommender, ScoredItem

PlannedFor = tuple[tuple[int, ...], tuple[int, ...]]
"""History clusters, newest first, and consumed ones: all that a plan by default settings reads."""
KEPT_PLANS = 4_000
"""Of people who ask again before they do anything new; some 5 kB each."""


def _keep_plans() -> RecentlyUsed[PlannedFor, ServedPlan]:
    return RecentlyUsed(KEPT_PLANS)


@dataclass(frozen=True)
class LoadedRelease:
    """One release, complete; a request holds on to one and never sees two.

    Attributes:
        version: version of the registered release model.
        manifest: what the release says of itself.
        clusters: descriptions of the serving clusters and the cluster of every item.
        centroids: where the clusters stand, for items that came after the release.
        titles: readable name of every item.
        catalogue: categories of items, and the whole cluster tree.
        popular: items by popularity, most liked first, for users of whom nothing is known.
        plan: how table rows are combined and aligned, as in the evaluation of this release.
        alignment: puts a plan's first clusters in the order that suits a user's past.
        recommender: scores items.
        seen: what the release's histories know already of the live events.
        plans: made lately by the release's own settings from rows that were all there.
    """

    version: int
    manifest: ReleaseManifest
    clusters: ServingClusters
    centroids: TreeCentroids
    titles: dict[str, str]
    catalogue: Catalogue
    popular: tuple[ScoredItem, ...]
    plan: PlanConfig
    alignment: Alignment
    recommender: Recommender
    seen: DataSeen
    plans: RecentlyUsed[PlannedFor, ServedPlan] = field(
        init=False, repr=False, compare=False, default_factory=_keep_plans
    )

    @property
    def release_id(self) -> str:
        """The id that the release's online rows are keyed by."""
        return self.manifest.release_id

    @cached_property
    def _popular_of_cluster(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        for item in self.popular:
            found.setdefault(item.cluster_id, []).append(item.item_id)
        return found

    @cached_property
    def likes(self) -> dict[str, int]:
        """How many people liked each item, before the first test origin."""
        return {item.item_id: int(item.score) for item in self.popular}

    def popular_of(self, cluster_id: int, count: int) -> list[str]:
        """Return the items of a cluster that most people like, most liked first."""
        return self._popular_of_cluster.get(cluster_id, [])[:count]


def load_release(fetched: FetchedRelease) -> LoadedRelease:
    """Return the release in its files; they may vanish afterwards.

    Of a release that was prepared, the recommender's arrays are maps of its files, and not copies:
    processes that load the same files share their memory.

    Raises:
        UserError: the files do not fit together.
    """
    files = {part: fetched.folder / name for part, name in SERVED_PARTS.items()}
    tree = serving_clusters(
        pl.read_parquet(files["clusters"]),
        pl.read_parquet(files["item_clusters"]),
        fetched.manifest.serving_level,
    )
    titles = pl.read_parquet(files["item_titles"])
    return LoadedRelease(
        version=fetched.version,
        manifest=fetched.manifest,
        clusters=tree,
        centroids=load_centroids(files["tree_centroids"]),
        titles=dict(zip(titles["item_id"], titles["title"], strict=True)),
        catalogue=Catalogue.read(files["item_titles"], files["clusters"]),
        popular=_rank_by_popularity(files["item_popularity"], tree),
        plan=_read_plan(files["plan"]),
        alignment=load_alignment(files["alignment"], tree.n_clusters),
        recommender=_load_recommender(files["recommender"], fetched.prepared),
        seen=_read_seen(files["data_seen"]),
    )


def _load_recommender(folder: Path, prepared: Path | None) -> SequenceRecommender:
    if prepared is None:
        return SequenceRecommender.load(folder)
    return SequenceRecommender.map(folder, prepared)


def _rank_by_popularity(file: Path, tree: ServingClusters) -> tuple[ScoredItem, ...]:
    counts = pl.read_parquet(file).filter(pl.col("item_id").is_in(tree.item_ids))
    ranked = counts.sort(["n_positive", "item_id"], descending=[True, False])
    items = ranked["item_id"].to_list()
    rows = zip(items, tree.clusters_of(items).tolist(), ranked["n_positive"], strict=True)
    return tuple(ScoredItem(item, cluster, float(n)) for item, cluster, n in rows)


def _read_plan(file: Path) -> PlanConfig:
    try:
        return PlanConfig.from_json(json.loads(file.read_text(encoding="utf-8")), str(file))
    except (ValueError, AttributeError) as error:
        rule = "holds the settings of the served plan"
        raise ReleaseError(str(file), rule, "run the release stage", str(error)[:120]) from None


def _read_seen(file: Path) -> DataSeen:
    try:
        return DataSeen.from_json(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        rule = "says what the release's data holds"
        raise ReleaseError(str(file), rule, "run the ingest stage", str(error)[:120]) from None
