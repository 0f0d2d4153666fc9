"""The row cache gives back what was put in, never more than its limit, and the newest of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from expectations.contracts.values import ClusterContext
from inference.store.row_cache import RowCache
from inference.table.plan_table import TableRow

releases = st.sampled_from(["old", "new"])
added = st.lists(st.tuples(releases, st.lists(st.integers(0, 20), max_size=6)), max_size=12)


def row(number: int) -> TableRow:
    """A row that can be told from others."""
    return TableRow(np.array([number]), np.array([-1.0], dtype=np.float32))


@given(st.integers(0, 15), added)
def test_the_rows_added_last_are_kept(limit: int, additions: list[tuple[str, list[int]]]) -> None:
    cache = RowCache(limit)
    order: dict[tuple[str, int], None] = {}
    for release, clusters in additions:
        cache.add(release, {ClusterContext.of(cluster): row(cluster) for cluster in clusters})
        order |= dict.fromkeys((release, cluster) for cluster in clusters)
        kept = list(order)[max(len(order) - limit, 0) :]
        order = dict.fromkeys(kept)
        assert len(cache) == len(kept) <= limit
    for release in ("old", "new"):
        found = cache.find(release, [ClusterContext.of(cluster) for cluster in range(21)])
        expected = [cluster for of, cluster in order if of == release]
        assert sorted(context.members[0] for context in found) == sorted(expected)
        assert all(found[ClusterContext.of(c)].novel_clusters[0] == c for c in expected)


def test_rows_of_other_releases_are_dropped_on_request() -> None:
    cache = RowCache(10)
    context = ClusterContext.of(1, 2)
    cache.add("old", {context: row(1)})
    cache.add("new", {context: row(2)})
    cache.keep_only("new")
    assert cache.find("old", [context]) == {}
    assert cache.find("new", [context])[context].novel_clusters[0] == 2


def test_threads_that_add_and_drop_at_once_leave_it_whole() -> None:
    cache = RowCache(50)

    def work(thread: int) -> None:
        for step in range(300):
            context = ClusterContext.of(thread, 100 + step)
            cache.add("new", {context: row(step)})
            cache.find("new", [context])
            if step % 50 == 0:
                cache.keep_only("new")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(cache) == 50
