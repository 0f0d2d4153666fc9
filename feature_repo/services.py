"""One feature service for each use, so that a reader asks for a use and not for columns."""

from __future__ import annotations

from dataclasses import dataclass

from feast import FeatureService, FeatureView

from feature_repo.views import OWNER, Views


@dataclass(frozen=True)
class Services:
    """Every feature service of the project.

    Args:
        user_features: what a recommendation request asks about its user (online).
        planned_clusters: the table rows of a user's pairs (online).
        cluster_curation: cluster histories as of a label's or an origin's time (offline).
        item_curation: item histories as of an origin (offline).
    """

    user_features: FeatureService
    planned_clusters: FeatureService
    cluster_curation: FeatureService
    item_curation: FeatureService

    def all(self) -> tuple[FeatureService, ...]:
        """Return the services, in a fixed order."""
        return (
            self.user_features,
            self.planned_clusters,
            self.cluster_curation,
            self.item_curation,
        )


def build_services(views: Views) -> Services:
    """Return the services over ``views``."""
    clusters, items = views.user_cluster_history, views.user_item_history
    return Services(
        user_features=_service(
            "user_features", [clusters, items], "a user's history, for a recommendation request"
        ),
        planned_clusters=_service(
            "planned_clusters", [views.novel_cluster_table], "novel clusters planned for a pair"
        ),
        cluster_curation=_service(
            "cluster_curation", [clusters], "cluster history as of a label, for curation"
        ),
        item_curation=_service(
            "item_curation", [items], "item history as of an evaluation origin, for curation"
        ),
    )


def _service(name: str, views: list[FeatureView], use: str) -> FeatureService:
    return FeatureService(name=name, features=[*views], description=use, owner=OWNER)
