"""Replaces our recommender within a release by a team's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from expectations.contracts.errors import ReleaseError
from inference.release.loaded_release import LoadedRelease
from training.clusters.tree_view import ServingClusters
from training.recommender.checks import require_answer, require_catalogue
from training.recommender.data.layout import ItemLayout, arrange_items
from training.recommender.protocol import ItemQuery, Recommender

N_TRIED = 5
"""Items that a plugged-in recommender is asked about before it serves."""
ITEMS_ASKED_FOR = 50
"""More than a page of recommendations shows, so that a list that ends too soon is noticed."""

PlugIn = Callable[[LoadedRelease], Recommender]
"""Makes the recommender that a release is served with; called once for every release."""


def layout_of_release(clusters: ServingClusters) -> ItemLayout:
    """Return the items of a release by their cluster: what restriction goes by."""
    return arrange_items(clusters.item_ids, clusters.cluster_of_item, clusters.n_clusters)


def keep_ours(release: LoadedRelease) -> Recommender:
    """Return the recommender that came with the release."""
    return release.recommender


def replace_recommender(release: LoadedRelease, plug_in: PlugIn) -> LoadedRelease:
    """Return the release with the recommender that ``plug_in`` makes.

    Raises:
        ReleaseError: that recommender has items the release knows nothing of, and so could
            neither name them nor tell their clusters.
        UserError: it has no ``top_items``, or answers what was not asked, when tried out.
    """
    recommender = plug_in(release)
    require_catalogue(recommender)
    strangers = sorted(set(recommender.item_ids) - release.titles.keys())
    if strangers:
        remedy = "build its catalogue from release.clusters, or build a new release"
        rule = "the plugged-in recommender has items of the release only"
        raise ReleaseError(f"release {release.release_id[:12]}", rule, remedy, strangers[0])
    if plug_in is not keep_ours:
        _try_out(recommender, release.clusters)
    return replace(release, recommender=recommender)


def _try_out(recommender: Recommender, clusters: ServingClusters) -> None:
    """Ask for a few people, so that a wrong answer refuses the release and not a request."""
    items = tuple(recommender.item_ids)
    for item in items[:: max(1, len(items) // N_TRIED)][:N_TRIED]:
        home = [int(clusters.clusters_of([item])[0])]
        for within in (None, home):
            query = ItemQuery([item], ITEMS_ASKED_FOR, within, frozenset([item]))
            answer = recommender.top_items(
                query.recent_items, query.clusters, query.exclude, query.k
            )
            require_answer(answer, query, recommender)
