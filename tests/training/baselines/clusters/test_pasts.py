"""What a case's user had touched is read from before the case's own origin, in order."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.worlds.curation import Event, any_event, at, interactions_of, item_clusters_of
from training.baselines.clusters.visits import collect_pasts, collect_visits

EVENTS = st.lists(
    any_event(["ann", "bob", "cid"], seconds=9, clusters=5),
    min_size=1,
    max_size=40,
)


def cases_of(*keys: tuple[int, str]) -> pl.DataFrame:
    rows = [(at(second), user) for second, user in keys]
    schema = {"origin": pl.Datetime("us", "UTC"), "user_id": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


@settings(max_examples=60, deadline=None)
@given(EVENTS)
def test_pasts_are_those_of_brute_force(events: list[Event]) -> None:
    keys = [(6, "cid"), (3, "ann"), (6, "ann"), (3, "bob"), (0, "bob")]
    pasts = collect_pasts(interactions_of(events).lazy(), item_clusters_of(events), cases_of(*keys))
    for case, (origin, user) in enumerate(keys):
        own = [e for e in events if e.user == user and e.second < origin]
        first = {e.cluster: min(x.second for x in own if x.cluster == e.cluster) for e in own}
        touched = sorted(first, key=lambda cluster: (first[cluster], cluster))
        assert pasts.clusters[case] == touched
        assert pasts.liked_first[case] == [
            any(e.positive for e in own if e.cluster == c and e.second == first[c]) for c in touched
        ]


@settings(max_examples=30, deadline=None)
@given(EVENTS)
def test_visits_know_the_same_order(events: list[Event]) -> None:
    log, members = interactions_of(events).lazy(), item_clusters_of(events)
    visits = collect_visits(log, members, at(9), 5)
    users = sorted({e.user for e in events})
    pasts = collect_pasts(log, members, cases_of(*((9, user) for user in users)))
    for user, clusters in enumerate(pasts.clusters):
        own = np.flatnonzero(visits.users == user)
        order = own[np.lexsort((visits.clusters[own], visits.touched_at[own]))]
        assert visits.clusters[order].tolist() == clusters
        assert visits.novel_likes[order].tolist() == pasts.liked_first[user]


def test_no_cases_no_pasts() -> None:
    events = [Event("ann", 1, 0)]
    log, members = interactions_of(events).lazy(), item_clusters_of(events)
    assert len(collect_pasts(log, members, cases_of())) == 0
