"""The routes by which a person sees what is thought of them, and changes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from inference.events.choice import Choice, ChoiceKind
from inference.events.identifier import Identifier
from inference.events.live_view import LiveView
from inference.features.live_history import merge_live
from inference.features.online_features import FeatureReader
from inference.release.loaded_release import LoadedRelease
from inference.serving.assemble import name_cluster
from inference.serving.http.problems import OUT_OF_RANGE, UNKNOWN, UNREACHABLE, UNREADABLE_BODY
from inference.serving.interests import interests_of
from inference.serving.options import MAX_CLUSTER
from inference.store.store_connections import StoreUnreachableError
from training.clusters.tree_view import Cluster

MAX_CHANGES = 100
"""Of one request: more than anybody chooses at once."""


class InterestChange(BaseModel):
    """What is to become of one interest; ``none`` takes an earlier choice back.

    ``hide``: never planned, nothing of it shown. ``pin``: before every plan. ``less``: its family
    stands behind the others. ``chosen``: named at sign-up, for those of whom little is known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cluster_id: Annotated[int, Field(strict=True, ge=0, le=MAX_CLUSTER)]
    choice: Literal["hide", "pin", "less", "chosen", "none"]


class InterestChanges(BaseModel):
    """Changes to make at once; what is not named stays as it is.

    ``exploration_share`` is how much of a list explores where a request does not say; ``null``
    goes back to the service's own.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "example": {"changes": [{"cluster_id": 3, "choice": "hide"}], "exploration_share": 0.4}
        },
    )

    changes: tuple[InterestChange, ...] = Field(default=(), max_length=MAX_CHANGES)
    exploration_share: float | None = Field(
        default=None, strict=True, ge=0, le=1, allow_inf_nan=False
    )


@dataclass(frozen=True)
class ChangeReceipt:
    """The changes are kept. ``visible``: the next request sees them; else a later one."""

    visible: bool


@dataclass(frozen=True)
class InterestsAnswer:
    """A user's interests, newest first, and what they chose; clusters are the release's."""

    user_id: str
    release_id: str
    history: tuple[Cluster, ...]
    hidden: tuple[Cluster, ...]
    pinned: tuple[Cluster, ...]
    less: tuple[Cluster, ...]
    chosen: tuple[Cluster, ...]
    exploration_share: float | None


def add_interest_routes(
    app: FastAPI,
    release: Callable[[], LoadedRelease],
    reader: FeatureReader,
    live: LiveView,
) -> None:
    """Let ``app`` show and change interests.

    Args:
        app: the application.
        release: returns the release in service, whose clusters are meant.
        reader: reads what is known of users.
        live: keeps choices and writes them to the online store.
    """

    @app.get("/v1/users/{user_id:anything}/interests", responses=OUT_OF_RANGE | UNREACHABLE)
    async def interests(user_id: Identifier) -> InterestsAnswer:
        """Tell a user's interests and what they chose; of a stranger both are empty."""
        serving = release()
        try:
            rows = reader.read_people(serving.release_id, [user_id])[user_id]
        except StoreUnreachableError:
            raise HTTPException(503, "the online store does not answer") from None
        user = merge_live(rows.batch, rows.events, serving.clusters, serving.seen)
        chosen = interests_of(serving, rows.choices)

        def names(clusters: tuple[int, ...] | list[int]) -> tuple[Cluster, ...]:
            return tuple(name_cluster(serving, cluster) for cluster in clusters)

        return InterestsAnswer(
            user_id,
            serving.release_id,
            names(user.history_clusters if user else ()),
            names(sorted(chosen.hidden)),
            names(chosen.pinned),
            names(sorted(chosen.less)),
            names(chosen.chosen),
            chosen.share,
        )

    @app.patch(
        "/v1/users/{user_id:anything}/interests",
        responses=OUT_OF_RANGE | UNKNOWN | UNREACHABLE | UNREADABLE_BODY,
    )
    def change_interests(user_id: Identifier, changes: InterestChanges) -> ChangeReceipt:
        """Hide, pin or choose interests, set the share of exploration; all of it or nothing."""
        serving = release()
        unknown = [c.cluster_id for c in changes.changes if c.cluster_id >= _known(serving)]
        if unknown:
            raise HTTPException(404, f"the release has no cluster {unknown[0]}")
        latest = {change.cluster_id: change for change in changes.changes}
        choices = list(_choices(serving, user_id, latest.values()))
        cleared = [
            (user_id, serving.clusters.descriptions[change.cluster_id])
            for change in latest.values()
            if change.choice == "none"
        ]
        if "exploration_share" in changes.model_fields_set:
            if changes.exploration_share is None:
                cleared.append((user_id, ""))
            else:
                share = changes.exploration_share
                choices.append(Choice(user_id, "", ChoiceKind.SHARE, value=share))
        return ChangeReceipt(live.choose(choices, cleared))


def _known(release: LoadedRelease) -> int:
    return release.clusters.n_clusters


def _choices(
    release: LoadedRelease, user_id: str, changes: Iterable[InterestChange]
) -> Iterator[Choice]:
    for change in changes:
        if change.choice == "none":
            continue
        best = release.popular_of(change.cluster_id, 1)
        items = best or release.clusters.items_of(change.cluster_id)[:1]
        words = release.clusters.descriptions[change.cluster_id]
        yield Choice(user_id, words, ChoiceKind(change.choice), items[0] if items else "")
