"""Who is asked for: what batch, live events, a session or chosen interests tell of a person.

The tiers of a cold start, from nothing to all: unknown or away (popular items), known but without
anything liked (popular items), a session or chosen interests, one history cluster, several.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from inference.events.event import RecordedEvent
from inference.features.live_history import merge_live
from inference.features.online_features import PersonRows, UserFeatures
from inference.release.loaded_release import LoadedRelease
from inference.serving.answers import AnsweredBy
from inference.serving.exploration.config import ExplorationPolicy
from inference.serving.exploration.policy import without_rested_refusals
from inference.serving.interests import NO_CHOICES, Interests, add_chosen, interests_of
from training.clusters.distance import Ancestors

NOTHING = UserFeatures((), (), (), ())


@dataclass(frozen=True)
class Person:
    """What is known of a person, as a release sees it.

    Attributes:
        ancestors: of the release's clusters.
        features: all that is known; nothing of somebody unknown.
        open_features: the same without clusters whose refusal has rested: what plans look at.
        shortfall: why there is nothing to plan from; ``None`` where there is.
        known_by: what stands for a history, where it is no history.
        interests: what the person chose.
    """

    ancestors: Ancestors
    features: UserFeatures
    open_features: UserFeatures
    shortfall: AnsweredBy | None = None
    known_by: AnsweredBy | None = None
    interests: Interests = NO_CHOICES

    @cached_property
    def distances(self) -> NDArray[np.int8]:
        """Codes of how far every cluster is from all that is known, [N]."""
        return self._measure(self.features)

    @property
    def open_distances(self) -> NDArray[np.int8]:
        """The same for plans, [N]: from all that is known but refusals that have rested."""
        if self.open_features is self.features:
            return self.distances
        return self._measure(self.open_features)

    def _measure(self, user: UserFeatures) -> NDArray[np.int8]:
        return self.ancestors.distances_from([*user.history_clusters, *user.consumed_clusters])


def nobody(release: LoadedRelease, why: AnsweredBy) -> Person:
    """Return a person of whom nothing is known."""
    return Person(release.clusters.ancestors, NOTHING, NOTHING, why)


def person_of(
    release: LoadedRelease, rows: PersonRows, policy: ExplorationPolicy, now_us: int
) -> Person:
    """Return a user as the online store knows them."""
    interests = interests_of(release, rows.choices)
    known = merge_live(rows.batch, rows.events, release.clusters, release.seen)
    user = add_chosen(release, known or NOTHING, interests.chosen)
    shortfall, known_by = None, None
    if not user.history_clusters:
        shortfall = AnsweredBy.NO_HISTORY if known else AnsweredBy.UNKNOWN_USER
    elif known is None or not known.history_clusters:
        known_by = AnsweredBy.CHOSEN_INTERESTS
    open_user = _reopen(release, user, rows, policy, now_us)
    ancestors = release.clusters.ancestors
    return Person(ancestors, user, open_user, shortfall, known_by, interests)


def person_of_session(
    release: LoadedRelease, items: Sequence[str], interests: Sequence[int]
) -> Person:
    """Return somebody of whom a session's items are known, and interests; either may be missing.

    A chosen interest stands behind what was done, with its most popular items for a history.

    Args:
        release: items that it does not know say nothing.
        items: liked lately, newest first.
        interests: clusters of the release.
    """
    known = tuple(item for item in dict.fromkeys(items) if release.clusters.has_item(item))
    clusters = tuple(dict.fromkeys(release.clusters.clusters_of(known).tolist()))
    user = UserFeatures(clusters, clusters, known, tuple(items))
    user = add_chosen(release, user, interests)
    if not user.history_clusters:
        return nobody(release, AnsweredBy.UNKNOWN_USER)
    return Person(release.clusters.ancestors, user, user, known_by=AnsweredBy.SESSION)


def _reopen(
    release: LoadedRelease,
    user: UserFeatures,
    rows: PersonRows,
    policy: ExplorationPolicy,
    now_us: int,
) -> UserFeatures:
    """Return the user without the clusters whose refusal has rested: they may be planned again."""
    refused = _refused(release, rows.events)
    if not refused:
        return user
    clusters = release.clusters.clusters_of([event.event.item_id for event in refused]).tolist()
    known = (*user.history_clusters, *(rows.batch.consumed_clusters if rows.batch else ()))
    refusals = zip(clusters, (event.event.time_us for event in refused), strict=True)
    consumed = without_rested_refusals(
        user.consumed_clusters, known, refusals, policy.rest_days, now_us
    )
    return replace(user, consumed_clusters=consumed)


def _refused(release: LoadedRelease, events: Sequence[RecordedEvent]) -> list[RecordedEvent]:
    return [
        recorded
        for recorded in events
        if not release.seen.is_positive(recorded.event.feedback)
        and release.clusters.has_item(recorded.event.item_id)
    ]
