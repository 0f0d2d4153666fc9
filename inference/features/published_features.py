"""Feast's provider with what its callers should not have to know of releases and contexts.

Clusters of a context come in any order, and a release that is not online is an error: by itself
Feast answers 200 and NOT_FOUND. Item histories are joined as of times that they were kept at, and
of no other. Loading is left to publishing: ``materialize`` knows no release. From offline files,
keyed by the build, it would write rows that nobody reads, or none, and mark the views as loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar

import click
import pandas as pd
from feast import FeatureService, FeatureView, RepoConfig
from feast.errors import FeastError
from feast.infra.offline_stores.offline_store import RetrievalJob
from feast.infra.passthrough_provider import PassthroughProvider
from feast.infra.registry.base_registry import BaseRegistry
from feast.online_response import OnlineResponse
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value

from expectations.contracts.tables import NOVEL_CLUSTER_TABLE, RELEASE
from expectations.contracts.values import KEY_SEPARATOR, ClusterContext
from inference.features.snapshot_times import TIME, require_snapshot_times

CONTEXT = NOVEL_CLUSTER_TABLE.column("context_key").name
ANY_CONTEXT = ClusterContext.of(0)
"""Every release has a row for its first cluster: without one, it is not online."""
REMEDY = "`explorer publish` loads a release; `explorer replay-events` loads live events"

Entities = Mapping[str, Sequence[object]] | Sequence[Mapping[str, object]]
Cell = TypeVar("Cell")


class NotMaterializedError(click.ClickException):
    """Somebody asked Feast to load a view; its command prints this as one line."""

    def __init__(self, view: str) -> None:
        super().__init__(f"{view}: rows are online by release, and nothing was loaded. {REMEDY}")


class NoSuchRowsError(FeastError):  # type: ignore[misc]
    """A release or a context was asked for that there is not."""

    def http_status_code(self) -> int:
        """Return what Feast's server answers with."""
        return 404


class PublishedFeaturesProvider(PassthroughProvider):  # type: ignore[misc]
    """Reads and writes as Feast's own provider does, but for what the module says."""

    def materialize_single_feature_view(
        self,
        config: RepoConfig,
        feature_view: FeatureView,
        start_date: datetime,
        end_date: datetime,
        registry: BaseRegistry,
        project: str,
        tqdm_builder: object,
        disable_event_timestamp: bool = False,
    ) -> None:
        """Refuse; Feast puts the view's state back as it was.

        Raises:
            NotMaterializedError: always.
        """
        raise NotMaterializedError(feature_view.name)

    def get_historical_features(
        self,
        config: RepoConfig,
        feature_views: list[FeatureView],
        feature_refs: list[str],
        entity_df: pd.DataFrame | str | None,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool,
        **options: object,
    ) -> RetrievalJob:
        """Join as Feast does.

        Raises:
            BetweenSnapshotsError: item histories are asked for as of a time they were not kept at.
        """
        if isinstance(entity_df, pd.DataFrame) and TIME in entity_df:
            require_snapshot_times(feature_views, entity_df)
        return super().get_historical_features(
            config,
            feature_views,
            feature_refs,
            entity_df,
            registry,
            project,
            full_feature_names,
            **options,
        )

    def get_online_features(
        self,
        config: RepoConfig,
        features: list[str] | FeatureService,
        entity_rows: Entities,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,
        include_feature_view_version_metadata: bool = False,
    ) -> OnlineResponse:
        """Read as Feast does.

        Raises:
            NoSuchRowsError: a release is not online, or a context is none.
        """
        ordered = order_contexts(entity_rows)
        answer = super().get_online_features(
            config,
            features,
            ordered,
            registry,
            project,
            full_feature_names,
            include_feature_view_version_metadata,
        )
        self._require_releases(config, registry, project, ordered, answer)
        return answer

    async def get_online_features_async(
        self,
        config: RepoConfig,
        features: list[str] | FeatureService,
        entity_rows: Entities,
        registry: BaseRegistry,
        project: str,
        full_feature_names: bool = False,
        include_feature_view_version_metadata: bool = False,
    ) -> OnlineResponse:
        """Read as Feast does; see :meth:`get_online_features`."""
        ordered = order_contexts(entity_rows)
        answer = await super().get_online_features_async(
            config,
            features,
            ordered,
            registry,
            project,
            full_feature_names,
            include_feature_view_version_metadata,
        )
        self._require_releases(config, registry, project, ordered, answer)
        return answer

    def _require_releases(
        self,
        config: RepoConfig,
        registry: BaseRegistry,
        project: str,
        entities: Entities,
        answer: OnlineResponse,
    ) -> None:
        missing = {
            row
            for column in answer.proto.results
            for row, status in enumerate(column.statuses)
            if status == FieldStatus.NOT_FOUND
        }
        releases = _column(entities, RELEASE.name)
        doubtful = {str(_plain(releases[row])) for row in missing if row < len(releases)}
        if not doubtful:
            return
        view = registry.get_feature_view(NOVEL_CLUSTER_TABLE.name, project)
        for release_id in sorted(doubtful):
            ((_, found),) = self.online_read(config, view, [_key(release_id)])
            if found is None:
                said = f"release {release_id} has no rows in the online store"
                raise NoSuchRowsError(f"{said}; the service's /v1/release names the one in service")


def order_contexts(entities: Entities) -> Entities:
    """Return the entities of a request with each context's clusters ascending.

    Raises:
        NoSuchRowsError: a context is no one or two different clusters.
    """
    if isinstance(entities, Mapping):
        if CONTEXT not in entities:
            return entities
        return {**entities, CONTEXT: [_in_order(key) for key in _column(entities, CONTEXT)]}
    return [
        {**row, CONTEXT: _in_order(row[CONTEXT])} if CONTEXT in row else row for row in entities
    ]


def _in_order(key: Cell) -> Cell | str:
    text = _plain(key)
    try:
        return ClusterContext.of(*map(int, str(text).split(KEY_SEPARATOR))).key
    except ValueError:
        rule = f"is one cluster id, or two joined by {KEY_SEPARATOR!r}, in any order"
        raise NoSuchRowsError(f"{CONTEXT} {rule}, not {text!r}") from None


def _column(entities: Entities, name: str) -> Sequence[object]:
    if isinstance(entities, Mapping):
        cells = entities.get(name, ())
        return list(getattr(cells, "val", cells))
    return [row[name] for row in entities if name in row]


def _plain(cell: object) -> object:
    return cell.string_val if isinstance(cell, Value) else cell


def _key(release_id: str) -> EntityKey:
    values = {CONTEXT: ANY_CONTEXT.key, RELEASE.name: release_id}
    names = sorted(values)
    return EntityKey(join_keys=names, entity_values=[Value(string_val=values[n]) for n in names])
