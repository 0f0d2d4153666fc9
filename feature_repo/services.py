"""One feature service for each use, so that a reader asks for a use and not for columns."""

from __future__ import annotations

from dataclasses import dataclass

from feast import FeatureService, FeatureView

from feature_repo.entities import OWNER
from feature_repo.views import Views


@dataclass(frozen=True)
class Services:
    """Every feature service of the project.

    Args:
        user_features: what the release of a recommendation request knows of its user (online).
        live_events: what the user did lately, whatever the release (online).
        planned_clusters: the table rows of a user's contexts (online).
        cluster_curation: cluster histories as of a label's or an origin's time (offline).
        item_curation: item histories as of an origin (offline).
    """

    user_features: FeatureService
    live_events: FeatureService
    planned_clusters: FeatureService
    cluster_curation: FeatureService
    item_curation: FeatureService

    def all(self) -> tuple[FeatureService, ...]:
        """Return the services, in a fixed order."""
        return (
            self.user_features,
            self.live_events,
            self.planned_clusters,
            self.cluster_curation,
            self.item_curation,
        )


def build_services(views: Views) -> Services:
    """Return the services over ``views``."""
    clusters, items = views.user_cluster_history, views.user_item_history
    service, stage = "recommendation service", "stage curate"
    return Services(
        user_features=_service(
            "user_features",
            [clusters, items],
            "a user's history as it is online, for a recommendation request; training sets take "
            "cluster_curation and item_curation",
            service,
        ),
        live_events=_service(
            "live_events",
            [views.user_live_events],
            "what a user did lately, for a recommendation request",
            service,
        ),
        planned_clusters=_service(
            "planned_clusters",
            [views.novel_cluster_table],
            "novel clusters planned for a context",
            service,
        ),
        cluster_curation=_service(
            "cluster_curation",
            [clusters],
            "cluster history as of any time, for training sets: a row at every change",
            stage,
        ),
        item_curation=_service(
            "item_curation",
            [items],
            "item history as of a snapshot only: an evaluation origin, or the data's end and later",
            stage,
        ),
    )


def _service(name: str, views: list[FeatureView], use: str, reader: str) -> FeatureService:
    return FeatureService(
        name=name, features=[*views], description=use, tags={"read_by": reader}, owner=OWNER
    )
