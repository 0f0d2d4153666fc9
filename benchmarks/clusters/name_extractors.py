"""Other ways to find the words of a cluster, small and plain, to hold the names of ours against.

Each takes the words of the items (:class:`ClusterWords`) and returns, per cluster, stems from best
to worst, long enough for the longest name and for others to take where one is taken. All see the
same words, stop words left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy.sparse as sp
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.preprocessing import normalize

MAX_WORDS = 40
MIN_ITEMS = 2
KEYWORD_DIMENSIONS = 64

Ranked = list[list[str]]


@dataclass(frozen=True)
class ClusterWords:
    """The words of items and the clusters these are in.

    Attributes:
        words: ``(row, field, position, stem)`` as read from the items.
        labels: cluster of each row, 0 to n - 1.
        stems: the vocabulary, stems that two items have.
        counts: how often a row has a stem, ``[n_rows, n_stems]``.
    """

    words: pl.DataFrame
    labels: np.ndarray
    stems: list[str]
    counts: sp.csr_matrix

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return int(self.labels.max()) + 1

    @property
    def membership(self) -> sp.csr_matrix:
        """Return 1 where a cluster has a row, ``[n_clusters, n_rows]``."""
        rows = np.arange(len(self.labels))
        return sp.csr_matrix((np.ones(len(rows)), (self.labels, rows)))

    @property
    def presence(self) -> sp.csr_matrix:
        """Return 1 where a row has a stem."""
        return (self.counts > 0).astype(np.float64)


def gather_words(words: pl.DataFrame, labels: np.ndarray) -> ClusterWords:
    """Count the stems of items; ``words`` is what ``read_words`` returns."""
    counted = words.group_by("row", "stem").agg(pl.len().alias("count"))
    spread = counted.group_by("stem").agg(pl.len().alias("n"))
    stems = spread.filter(pl.col("n") >= MIN_ITEMS).sort("stem")["stem"]
    columns = stems.to_frame("stem").with_row_index("column")
    cells = counted.join(columns, on="stem")
    counts = sp.csr_matrix(
        (cells["count"].to_numpy().astype(float), (cells["row"], cells["column"])),
        shape=(len(labels), len(stems)),
    )
    return ClusterWords(words, labels, stems.to_list(), counts)


def rank_by_frequency(given: ClusterWords, rng: np.random.Generator) -> Ranked:
    """The words that most items of the cluster have."""
    return _rank(given, (given.membership @ given.presence).toarray())


def rank_by_class_tfidf(given: ClusterWords, rng: np.random.Generator) -> Ranked:
    """Class-based TF-IDF (Grootendorst 2022): frequency times log(1 + mean size / frequency)."""
    within = (given.membership @ given.counts).toarray()
    overall = within.sum(axis=0)
    return _rank(given, within * np.log1p(within.sum(axis=1).mean() / overall))


def rank_by_chi_square(given: ClusterWords, rng: np.random.Generator) -> Ranked:
    """Pearson's chi-square of word and cluster over items, where the word speaks for it."""
    found = (given.membership @ given.presence).toarray()
    sizes = np.bincount(given.labels).astype(float)[:, None]
    n_items, have = float(len(given.labels)), found.sum(axis=0)
    rest, others = have - found, n_items - sizes
    lead = found * (others - rest) - rest * (sizes - found)
    square = n_items * lead**2 / np.maximum(sizes * others * have * (n_items - have), 1e-9)
    return _rank(given, np.where(lead > 0, square, 0))


def rank_by_centroid(given: ClusterWords, rng: np.random.Generator) -> Ranked:
    """As KeyBERT (Grootendorst 2020): the words whose vector is nearest to the cluster's text.

    The encoder is the pipeline's own kind: TF-IDF and truncated SVD, a word being a text of one.
    """
    weighted = TfidfTransformer(sublinear_tf=True).fit_transform(given.counts)
    dimensions = min(KEYWORD_DIMENSIONS, weighted.shape[1] - 1)
    reduction = TruncatedSVD(dimensions, random_state=int(rng.integers(2**31))).fit(weighted)
    texts = normalize(reduction.transform(weighted))
    centroids = normalize(given.membership @ texts)
    similarity = centroids @ normalize(reduction.components_.T).T
    present = (given.membership @ given.presence).toarray() >= MIN_ITEMS
    return _rank(given, np.where(present, similarity + 1, 0))


def rank_by_context(given: ClusterWords, rng: np.random.Generator) -> Ranked:
    """As YAKE (Campos et al. 2020), each cluster one document and each item a sentence.

    Frequent, early, spread over sentences, and with few different neighbours; the feature of
    capitals is left out, since titles capitalise everything.
    """
    positioned = given.words.with_columns(
        pl.Series("cluster", given.labels)[given.words["row"]].alias("cluster")
    ).sort("cluster", "row", "field", "position")
    aside = positioned.with_columns(
        pl.col("stem").shift(1).over("cluster", "row", "field").alias("left"),
        pl.col("stem").shift(-1).over("cluster", "row", "field").alias("right"),
        pl.col("row").rank("dense").over("cluster").alias("sentence"),
    )
    features = aside.group_by("cluster", "stem").agg(
        pl.len().alias("frequency"),
        pl.col("sentence").median().alias("median"),
        pl.col("sentence").n_unique().alias("spread"),
        (
            pl.col("left").drop_nulls().n_unique() / pl.col("left").count().clip(lower_bound=1)
            + pl.col("right").drop_nulls().n_unique() / pl.col("right").count().clip(lower_bound=1)
        ).alias("neighbours"),
    )
    of_cluster = {name: pl.col(name) for name in ("frequency", "spread")}
    usual = pl.col("frequency").mean() + pl.col("frequency").std().fill_null(0)
    scored = features.with_columns(
        (of_cluster["frequency"] / usual.over("cluster")).alias("often"),
        (of_cluster["spread"] / pl.col("spread").max().over("cluster")).alias("wide"),
        (pl.col("median") + 3).log().log().alias("late"),
        (
            1
            + pl.col("neighbours") * pl.col("frequency") / pl.col("frequency").max().over("cluster")
        ).alias("mixed"),
    ).with_columns(
        (
            (pl.col("often") + pl.col("wide"))
            / (pl.col("mixed") * pl.col("mixed") * pl.col("late").clip(lower_bound=0.01))
        ).alias("score")
    )
    columns = pl.DataFrame({"stem": given.stems}).with_row_index("column")
    cells = scored.join(columns, on="stem")
    scores = np.zeros((given.n_clusters, len(given.stems)))
    scores[cells["cluster"].to_numpy(), cells["column"].to_numpy()] = cells["score"].to_numpy()
    return _rank(given, scores)


def draw_from_cluster(given: ClusterWords, rng: np.random.Generator) -> Ranked:
    """Control: words of the cluster at random."""
    present = (given.membership @ given.presence).toarray() > 0
    return _rank(given, present * rng.random(present.shape))


def draw_from_all(given: ClusterWords, rng: np.random.Generator) -> Ranked:
    """Control: words of the world at random."""
    return _rank(given, rng.random((given.n_clusters, len(given.stems))))


def make_unique(ranked: Ranked, n_words: int) -> Ranked:
    """Return names of ``n_words``, none twice: where one is taken, its last word gives way.

    It gives way to the next best until the name is new, as anybody would do who needs names for
    leaves. A name whose words run out is left shorter or as it was.
    """
    taken: set[frozenset[str]] = set()
    names = []
    for words in ranked:
        first, others = words[: n_words - 1], words[n_words - 1 :]
        tries = ([*first, word] for word in others)
        name = next((name for name in tries if frozenset(name) not in taken), words[:n_words])
        taken.add(frozenset(name))
        names.append(name)
    return names


def _rank(given: ClusterWords, scores: np.ndarray) -> Ranked:
    order = np.argsort(-scores, axis=1, kind="stable")[:, :MAX_WORDS]
    return [
        [given.stems[column] for column in row if scores[cluster, column] > 0]
        for cluster, row in enumerate(order)
    ]


EXTRACTORS: dict[str, Callable[[ClusterWords, np.random.Generator], Ranked]] = {
    "most frequent words": rank_by_frequency,
    "class-based TF-IDF": rank_by_class_tfidf,
    "chi-square": rank_by_chi_square,
    "nearest to the centroid (KeyBERT)": rank_by_centroid,
    "context (YAKE)": rank_by_context,
    "random words of the cluster": draw_from_cluster,
    "random words": draw_from_all,
}
