"""Evidence is counted from before a time alone, and says what small worlds plant in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from expectations.contracts.values import ClusterContext
from training.clusters.config import RepresentationConfig
from training.collective.config import CollectiveConfig
from training.collective.evidence import ASSOCIATIONS, Evidence, gather_evidence

START = datetime(2024, 1, 1, tzinfo=UTC)
END = START + timedelta(days=100)
N = 4
CONFIG = CollectiveConfig(co_consumption_prior=1.0)
TEXTS = {  # clusters 0 and 1 talk of the same things; 2 and 3 do not
    0: ("jazz guitar strings", "acoustic jazz guitar"),
    1: ("jazz piano lessons", "guitar and jazz piano"),
    2: ("sourdough starter", "sourdough bread oven"),
    3: ("trail running shoes", "running socks trail"),
}


def make_items() -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = [
        (f"{cluster}-{place}", title, cluster)
        for cluster, titles in TEXTS.items()
        for place, title in enumerate(titles)
    ]
    frame = pl.DataFrame(rows, schema=["item_id", "title", "cluster_id"], orient="row")
    items = frame.select(
        "item_id",
        "title",
        text=pl.lit(""),
        category_path=pl.lit(None, dtype=pl.List(pl.String)),
    )
    return items, frame.select("item_id", "cluster_id")


def make_log(*walks: list[str], day: int = 0) -> pl.DataFrame:
    """Each walk is one user's items, a day apart."""
    rows = [
        (f"u{user}", item, START + timedelta(days=day + step), True)
        for user, walk in enumerate(walks)
        for step, item in enumerate(walk)
    ]
    return pl.DataFrame(
        rows,
        schema={
            "user_id": pl.String,
            "item_id": pl.String,
            "timestamp": pl.Datetime("us", "UTC"),
            "is_positive": pl.Boolean,
        },
        orient="row",
    )


LOG = make_log(*[["2-0", "3-0"]] * 6, *[["0-0", "2-1"]] * 2, ["1-1", "0-1", "3-1"])


def gather(log: pl.DataFrame, before: datetime = END) -> Evidence:
    items, clusters = make_items()
    config = RepresentationConfig(collaborative_dimensions=3, text_dimensions=3)
    rng = np.random.default_rng(0)
    return gather_evidence(items, log.lazy(), clusters, N, before, CONFIG, config, rng)


def association(evidence: Evidence, name: str) -> np.ndarray:
    return np.asarray(evidence.associations[ASSOCIATIONS.index(name)])


def test_who_touched_both_is_counted_whatever_came_first() -> None:
    together = np.exp(association(gather(LOG), "co_consumption"))
    touched = np.array([3, 1, 8, 7]) + 1.0  # users of each cluster, and one
    expected = touched / touched.sum()
    for a, both in ((2, [2, 0, 0, 6]), (3, [1, 1, 6, 0]), (0, [0, 1, 2, 1])):
        wanted = (np.array(both) + expected) / (sum(both) + 1.0)
        np.testing.assert_allclose(together[a], wanted)


def test_words_say_which_clusters_are_alike() -> None:
    near = association(gather(LOG), "text")
    assert near[0, 1] > 0.2
    assert near[0, 2] == near[2, 3] == near[0, 0] == 0.0
    np.testing.assert_allclose(near, near.T)


def test_cooccurrence_says_which_clusters_are_alike() -> None:
    """People who buy 2-0 also buy 3-0, and 0-0 goes with 2-1: 2 and 3 share nobody here."""
    walks = [["2-0", "0-0"], ["3-0", "0-0"], ["1-0", "1-1"]] * 5
    near = association(gather(make_log(*walks)), "collaborative")
    assert near[2, 3] > 0.9
    assert abs(near[1, 2]) < 0.1


def test_popularity_is_the_same_whatever_the_context() -> None:
    rows = association(gather(LOG), "popularity")
    np.testing.assert_allclose(rows, np.tile(np.log([4.0, 2.0, 9.0, 8.0]), (N, 1)))


def test_pairs_are_counted_after_strictly_earlier_likes() -> None:
    counts = gather(LOG).counts
    assert counts.pairs[0 * N + 1, 3] == 1
    assert counts.pairs.sum() == 1
    assert counts.singles[2, 3] == 6


def test_nothing_from_the_time_on_is_read() -> None:
    later = make_log(*[["1-0", "2-0", "0-1"]] * 9, day=100)
    alone, beside = gather(LOG), gather(pl.concat([LOG, later]))
    np.testing.assert_array_equal(alone.associations, beside.associations)
    np.testing.assert_array_equal(alone.counts.pairs.toarray(), beside.counts.pairs.toarray())
    after = gather(pl.concat([LOG, later]), END + timedelta(days=9))
    assert not np.array_equal(alone.associations, after.associations)


def test_a_catalogue_without_words_has_no_text_similarity() -> None:
    items, clusters = make_items()
    evidence = gather_evidence(
        items.with_columns(title=pl.lit("")),
        LOG.lazy(),
        clusters,
        N,
        END,
        CONFIG,
        RepresentationConfig(collaborative_dimensions=3),
        np.random.default_rng(0),
    )
    assert not association(evidence, "text").any()


@pytest.mark.parametrize("context", [(0,), (0, 1)])
def test_an_empty_past_leaves_every_cluster_possible(context: tuple[int, ...]) -> None:
    evidence = gather(LOG, START)
    scores = evidence.counts.score_batch([ClusterContext.of(*context)])
    assert np.isfinite(scores).all()
    assert np.isfinite(evidence.associations).all()
