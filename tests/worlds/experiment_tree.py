"""A tree with everything the experiment reads, topics as clusters, the table by the true law."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import polars as pl
import torch
import yaml

from expectations.contracts.tables import (
    CASES,
    CLUSTERS,
    INTERACTIONS,
    ITEM_CLUSTERS,
    ITEM_EMBEDDINGS,
    NOVEL_CLUSTER_TABLE,
    USER_CLUSTER_HISTORY,
    USER_ITEM_HISTORY,
)
from expectations.contracts.values import BUILD_RELEASE, all_contexts
from inference.experiment.config import ArmName
from pipelines.io import paths
from pipelines.io.artefact_io import scan_table, write_table
from pipelines.sources.synthetic.config import SyntheticConfig
from pipelines.sources.synthetic.truth import Truth, read_truth
from pipelines.sources.synthetic.world import write_world
from tests.worlds.alignment import keep_order, leave_alignment
from tests.worlds.collective import make_signal
from tests.worlds.synthetic import CATALOGUE, POSITIVE_THRESHOLD
from training.clusters.tree_view import ServingClusters, serving_clusters
from training.collective.signal import save_signal
from training.curation.config import HistoryConfig
from training.curation.histories import cluster_history_rows
from training.curation.item_histories import item_history_rows
from training.curation.timeline import MICROSECOND
from training.recommender.config import RecommenderConfig
from training.recommender.data.histories import read_sequences
from training.recommender.data.layout import arrange_items
from training.recommender.fitting.fit import fit_recommender

PARAMS = {
    "dataset": {"source": "synthetic"},
    "experiment": {"max_users": 60, "rounds": 3, "arms": [str(arm) for arm in ArmName]},
    "clusters": {"levels": [64]},
}


def build_tree(folder: Path) -> None:
    """Leave everything that the stage and the study read in a folder, and its params.yaml."""
    torch.set_num_threads(1)
    with contextlib.chdir(folder):
        Path("params.yaml").write_text(yaml.safe_dump(PARAMS), encoding="utf-8")
        write_world(
            CATALOGUE,
            SyntheticConfig(n_users=200, n_items=640),
            0,
            POSITIVE_THRESHOLD,
            items_path=paths.ITEMS,
            interactions_path=paths.INTERACTIONS,
            truth_folder=paths.TRUTH,
        )
        truth = read_truth(paths.TRUTH)
        clusters = write_topics_as_clusters(truth)
        write_histories(clusters)
        write_recommender(clusters)
        write_table(make_true_table(truth), paths.NOVEL_CLUSTER_TABLE, NOVEL_CLUSTER_TABLE)
        leave_alignment(keep_order(clusters.n_clusters), paths.ALIGNMENT)
        write_what_rivals_learn_from(clusters)


def write_topics_as_clusters(truth: Truth) -> ServingClusters:
    items = pl.DataFrame(
        {
            "item_id": list(truth.topic_of_item),
            "level": 0,
            "cluster_id": list(truth.topic_of_item.values()),
        },
        schema_overrides={"level": pl.Int64},
    )
    sizes = items.group_by("cluster_id").agg(n_items=pl.len().cast(pl.Int64)).sort("cluster_id")
    clusters = sizes.with_columns(
        level=pl.lit(0, dtype=pl.Int64),
        parent_id=pl.lit(None, dtype=pl.Int64),
        description=pl.Series(truth.topic_names),
        traffic=pl.lit(1 / 64, dtype=pl.Float32),
        distinction=pl.lit(None, dtype=pl.String),
    )
    write_table(clusters, paths.CLUSTERS, CLUSTERS)
    write_table(items, paths.ITEM_CLUSTERS, ITEM_CLUSTERS)
    return serving_clusters(clusters, items, level=0)


def write_histories(clusters: ServingClusters) -> None:
    interactions = scan_table(paths.INTERACTIONS, INTERACTIONS).collect()
    events = interactions.join(clusters.item_cluster_frame(), on="item_id")
    config = HistoryConfig()
    end = interactions["timestamp"].max() + MICROSECOND
    rows = cluster_history_rows(events, config)
    write_table(rows, paths.USER_CLUSTER_HISTORY, USER_CLUSTER_HISTORY)
    rows = item_history_rows(events, [end], config)
    write_table(rows, paths.USER_ITEM_HISTORY, USER_ITEM_HISTORY)


def write_recommender(clusters: ServingClusters) -> None:
    layout = arrange_items(clusters.item_ids, clusters.cluster_of_item, clusters.n_clusters)
    config = RecommenderConfig(dimension=8, n_layers=1, n_heads=1, max_length=20)
    interactions = scan_table(paths.INTERACTIONS, INTERACTIONS)
    end = interactions.select(pl.max("timestamp")).collect().item() + MICROSECOND
    _, sequences = read_sequences(interactions, layout, end)
    paths.RECOMMENDER.mkdir(parents=True)
    fit_recommender(sequences, layout, config, seed=0, n_epochs=3).save(paths.RECOMMENDER)


def write_what_rivals_learn_from(clusters: ServingClusters) -> None:
    """Leave item vectors (an axis for each topic), pair counts, and what people took to later."""
    vectors = np.eye(clusters.n_clusters, dtype=np.float32)[clusters.cluster_of_item]
    items = pl.DataFrame({"item_id": clusters.item_ids, "embedding": vectors.tolist()})
    embeddings = items.cast({"embedding": pl.List(pl.Float32)})
    write_table(embeddings, paths.ITEM_EMBEDDINGS, ITEM_EMBEDDINGS)
    paths.SIGNAL_BEFORE_TEST.parent.mkdir(parents=True)
    save_signal(make_signal(0, clusters.n_clusters), paths.SIGNAL_BEFORE_TEST)
    newest = (
        scan_table(paths.USER_CLUSTER_HISTORY, USER_CLUSTER_HISTORY)
        .collect()
        .sort("event_timestamp")
    )
    states = newest.unique("user_id", keep="last").filter(pl.col("history_clusters").list.len() > 1)
    cases = states.select(
        pl.lit("validation").alias("split"),
        pl.lit("2024-06-01").str.to_datetime(time_unit="us", time_zone="UTC").alias("origin"),
        "user_id",
        pl.col("history_clusters").list.slice(1),
        pl.col("history_clusters").list.slice(1).alias("consumed_clusters"),
        pl.col("history_clusters").list.head(1).alias("positives"),
    )
    write_table(cases.sort("origin", "user_id"), paths.CASES, CASES)


def make_true_table(truth: Truth) -> pl.DataFrame:
    rows = []
    for pair in all_contexts(truth.mechanism.n_topics):
        touched = np.zeros((1, truth.mechanism.n_topics), dtype=bool)
        touched[0, list(pair.members)] = True
        weights = truth.mechanism.attraction(touched)[0]
        ranked = np.argsort(-weights, kind="stable")[: (weights > 0).sum()]
        scores = np.log(weights[ranked] / weights.sum())
        rows.append((BUILD_RELEASE, pair.key, ranked.tolist(), scores.tolist()))
    schema = ["release_id", "context_key", "novel_clusters", "scores"]
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    time = pl.lit("2024-07-01").str.to_datetime(time_unit="us", time_zone="UTC")
    return frame.with_columns(event_timestamp=time)
