"""What a person chose of their interests, as one release sees it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from expectations.contracts.values import ClusterContext
from inference.events.choice import Choice, ChoiceKind
from inference.features.online_features import UserFeatures
from inference.plans.combine import PlannedCluster
from inference.release.loaded_release import LoadedRelease

ENOUGH_CLUSTERS = 2
"""A history of as many makes a context by itself; chosen interests fill up a shorter one."""
ITEMS_OF_INTEREST = 3
"""Popular items that stand for an interest somebody chose: one alone could be anything's sequel."""

SHARE_DIGITS = 6
"""Of a share: a live row holds it in 32 bits, which would answer 0.4 with 0.4000000059604645."""


@dataclass(frozen=True)
class Interests:
    """Choices by cluster of a release; each cluster stands in one of them at most.

    Attributes:
        hidden: neither planned nor shown.
        pinned: before every plan, in the order in which they were chosen.
        less: clusters whose families stand behind all others of a plan.
        chosen: named at sign-up, in that order.
        share: how much of a list explores where the request does not say.
    """

    hidden: frozenset[int] = frozenset()
    pinned: tuple[int, ...] = ()
    less: frozenset[int] = frozenset()
    chosen: tuple[int, ...] = ()
    share: float | None = None


NO_CHOICES = Interests()


def interests_of(release: LoadedRelease, choices: Sequence[Choice]) -> Interests:
    """Return the choices by this release's clusters; those it cannot place are passed over."""
    if not choices:
        return NO_CHOICES
    of_kind: dict[ChoiceKind, dict[int, None]] = {kind: {} for kind in ChoiceKind}
    share = None
    for choice in choices:
        if choice.kind is ChoiceKind.SHARE:
            share = round(choice.value, SHARE_DIGITS)
        elif (cluster := find_cluster(release, choice)) is not None:
            of_kind[choice.kind][cluster] = None
    return Interests(
        frozenset(of_kind[ChoiceKind.HIDE]),
        tuple(of_kind[ChoiceKind.PIN]),
        frozenset(of_kind[ChoiceKind.LESS]),
        tuple(of_kind[ChoiceKind.CHOSEN]),
        share,
    )


def find_cluster(release: LoadedRelease, choice: Choice) -> int | None:
    """Return the cluster a choice is about: of the same words, else the one that has its item."""
    clusters = release.clusters
    found = clusters.id_of_description.get(choice.interest)
    if found is None and clusters.has_item(choice.item_id):
        found = int(clusters.clusters_of([choice.item_id])[0])
    return found


def add_chosen(release: LoadedRelease, user: UserFeatures, chosen: Sequence[int]) -> UserFeatures:
    """Return the user with chosen interests behind what they did, where that is little.

    The most popular items of an interest stand for it where the recommender reads a history.
    """
    if len(user.history_clusters) >= ENOUGH_CLUSTERS or not chosen:
        return user
    items = [item for c in chosen for item in release.popular_of(c, ITEMS_OF_INTEREST)]
    return replace(
        user,
        history_clusters=tuple(dict.fromkeys((*user.history_clusters, *chosen))),
        consumed_clusters=tuple(dict.fromkeys((*user.consumed_clusters, *chosen))),
        recent_items=tuple(dict.fromkeys((*user.recent_items, *items))),
    )


def honour(
    release: LoadedRelease, clusters: Iterable[PlannedCluster], interests: Interests
) -> tuple[PlannedCluster, ...]:
    """Return planned clusters as the person's choices want them, pinned ones first."""
    if interests is NO_CHOICES:
        return tuple(clusters)
    planned = [c for c in clusters if c.cluster_id not in interests.hidden]
    families = release.clusters.ancestors.families
    unwanted = {int(families[cluster]) for cluster in interests.less}
    planned.sort(key=lambda c: int(families[c.cluster_id]) in unwanted)
    best = max((c.score for c in planned), default=0.0)
    by_id = {c.cluster_id: c for c in planned}
    pinned = [
        by_id.get(c) or PlannedCluster(c, best, ClusterContext.of(c)) for c in interests.pinned
    ]
    kept = set(interests.pinned)
    return (*pinned, *(c for c in planned if c.cluster_id not in kept))
