"""Everything that Feast is told. `feast -c feature_repo apply` reads this file and no other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from feast import Entity, FeatureService, FeatureView

from feature_repo.entities import CLUSTER_CONTEXT_ENTITY, RELEASE_ENTITY, USER_ENTITY
from feature_repo.services import Services, build_services
from feature_repo.sources import REPOSITORY
from feature_repo.views import Views, build_views


@dataclass(frozen=True)
class Definitions:
    """The project's entities, views and services over one working tree."""

    entities: tuple[Entity, ...]
    views: Views
    services: Services

    def objects(self) -> list[Entity | FeatureView | FeatureService]:
        """Return everything to apply, entities first."""
        return [*self.entities, *self.views.all(), *self.services.all()]


def define(root: Path) -> Definitions:
    """Return the definitions over the offline files of the working tree at ``root``."""
    views = build_views(root)
    return Definitions(
        entities=(USER_ENTITY, RELEASE_ENTITY, CLUSTER_CONTEXT_ENTITY),
        views=views,
        services=build_services(views),
    )


DEFINITIONS = define(REPOSITORY)

# Feast's command sees module attributes only, not what lies within them.
user_cluster_history = DEFINITIONS.views.user_cluster_history
user_item_history = DEFINITIONS.views.user_item_history
user_live_events = DEFINITIONS.views.user_live_events
novel_cluster_table = DEFINITIONS.views.novel_cluster_table
user_features = DEFINITIONS.services.user_features
live_events = DEFINITIONS.services.live_events
planned_clusters = DEFINITIONS.services.planned_clusters
cluster_curation = DEFINITIONS.services.cluster_curation
item_curation = DEFINITIONS.services.item_curation
