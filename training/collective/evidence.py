"""What was known of clusters before a time: the evidence that the collective signal weighs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from training.baselines.clusters.pair_counts import PairCounts, count_pairs
from training.baselines.clusters.visits import Visits, collect_visits
from training.clusters.config import RepresentationConfig
from training.clusters.representation.collaborative import fit_collaborative
from training.collective.config import CollectiveConfig
from training.collective.similarity import collaborative_similarity, text_similarity

# Shapes: N clusters, F kinds of association.

ASSOCIATIONS = ("co_consumption", "collaborative", "text", "popularity")
"""Kinds of evidence that one cluster alone gives for another."""


@dataclass(frozen=True)
class Evidence:
    """Evidence before a time.

    Attributes:
        counts: novel likes after one and after two liked clusters.
        associations: what cluster a says of cluster c, by the kinds of :data:`ASSOCIATIONS`,
            [F, N, N]: the smoothed log share of those who touched a that touched c too, before or
            after; the cosine of their items' collaborative vectors; that of their words; the log
            popularity of c.
    """

    counts: PairCounts
    associations: NDArray[np.float64]

    @property
    def n_clusters(self) -> int:
        """Clusters at the serving level."""
        return len(self.counts.popularity)

    @property
    def has_log(self) -> NDArray[np.bool_]:
        """Whether anybody touched a cluster, [N]."""
        popularity = self.associations[ASSOCIATIONS.index("popularity"), 0]
        return np.asarray(popularity > 0)


def gather_evidence(
    items: pl.DataFrame,
    interactions: pl.LazyFrame,
    item_clusters: pl.DataFrame,
    n_clusters: int,
    before: datetime,
    config: CollectiveConfig,
    representation: RepresentationConfig,
    rng: np.random.Generator,
) -> Evidence:
    """Return the evidence of interactions strictly before a time, and of the catalogue's words.

    Args:
        items: the table ITEMS, any order.
        interactions: the table INTERACTIONS, of any period.
        item_clusters: (item_id, cluster_id) of the serving level.
        n_clusters: N.
        before: nothing from this time on is read.
        config: windows and back-off.
        representation: how co-occurrence and words are read, as for the clusters themselves.
        rng: seeds the SVD of the co-occurrence.
    """
    catalogue = items.join(item_clusters, on="item_id").sort("item_id")
    cluster_of = catalogue["cluster_id"].to_numpy().astype(np.int64)
    visits = collect_visits(interactions, item_clusters, before, n_clusters)
    _, vectors = fit_collaborative(catalogue["item_id"], interactions, before, representation, rng)
    words = catalogue.drop("cluster_id")
    associations = {
        "co_consumption": share_of_touched(visits, config.co_consumption_prior),
        "collaborative": collaborative_similarity(vectors, cluster_of, n_clusters),
        "text": text_similarity(words, cluster_of, n_clusters, representation),
        "popularity": np.tile(np.log(count_touched(visits) + 1.0), (n_clusters, 1)),
    }
    counts = count_pairs(visits, config.pair_window, config.pair_priors[0])
    return Evidence(counts, np.stack([associations[name] for name in ASSOCIATIONS]))


def count_touched(visits: Visits) -> NDArray[np.int64]:
    """Return how many users touched each cluster, [N]."""
    return np.bincount(visits.clusters, minlength=visits.n_clusters)


def share_of_touched(visits: Visits, prior: float) -> NDArray[np.float64]:
    """Return log P(a user who touched a touched c too), shares over c, [N, N].

    Each row is drawn towards popularity by ``prior`` users. In which order they came to the two
    does not matter: a catalogue of short histories has too few that tell it.
    """
    shape = (visits.n_users, visits.n_clusters)
    touched = csr_matrix((np.ones(len(visits.users)), (visits.users, visits.clusters)), shape=shape)
    both = (touched.T @ touched).toarray()  # [N, N]
    np.fill_diagonal(both, 0.0)
    popularity = count_touched(visits) + 1.0
    expected = popularity / popularity.sum()  # [N]
    shares = (both + prior * expected) / (both.sum(axis=1, keepdims=True) + prior)
    return np.asarray(np.log(shares))
