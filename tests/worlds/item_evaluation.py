"""A house ready for the stage evaluate_recommender, where what people turn to next is known.

Four rings of ten items, one cluster each. Everybody walks five steps along a ring and then, three
days later, two steps along the next ring, from the place they had come to. So the planned cluster
is known, and in it the item. A quarter of the people do so before validation, a quarter in it and
half in the test.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import yaml

from expectations.contracts import tables
from expectations.contracts.values import BUILD_RELEASE, all_contexts
from pipelines.io import paths
from pipelines.io.artefact_io import write_json, write_table
from tests.worlds.alignment import keep_order, leave_alignment
from tests.worlds.evaluation import DAY, START, TIMELINE
from tests.worlds.recommender import N_CLUSTERS, RING, SMALL, item_name, make_layout
from training.recommender.data.histories import read_sequences
from training.recommender.data.layout import ItemLayout
from training.recommender.fitting.fit import fit_recommender

N_PEOPLE = 160
KNOWN_STEPS = 5
NEW_STEPS = 2
PARAMS = {"runtime": {"threads": 1}, "clusters": {"levels": [N_CLUSTERS]}}


def build_house(folder: Path, towards: int = 1) -> None:
    """Write params.yaml and every artefact that the stage reads below ``folder``.

    The recommender is taught that people go on to the ring ``towards`` places ahead; 1 is right.
    """
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS), encoding="utf-8")
    write_json(TIMELINE.to_json(), folder / paths.TIMELINE)
    steps = make_steps(towards=1)
    write_table(make_interactions(steps), folder / paths.INTERACTIONS, tables.INTERACTIONS)
    write_table(make_cases(steps), folder / paths.CASES, tables.CASES)
    write_table(make_item_cases(steps), folder / paths.ITEM_CASES, tables.ITEM_CASES)
    write_table(make_table(), folder / paths.NOVEL_CLUSTER_TABLE, tables.NOVEL_CLUSTER_TABLE)
    layout = make_layout()
    write_tree(layout, folder)
    leave_alignment(keep_order(layout.n_clusters), folder / paths.ALIGNMENT)
    taught = make_interactions(make_steps(towards)).lazy()
    _, sequences = read_sequences(taught, layout, TIMELINE.fit_until)
    (folder / paths.RECOMMENDER).mkdir(parents=True)
    fit_recommender(sequences, layout, SMALL, seed=0).save(folder / paths.RECOMMENDER)


def write_tree(layout: ItemLayout, folder: Path) -> None:
    """Write a tree of one level, the rings."""
    clusters = pl.DataFrame(
        {
            "level": [0] * N_CLUSTERS,
            "cluster_id": list(range(N_CLUSTERS)),
            "parent_id": [None] * N_CLUSTERS,
            "description": [f"ring {cluster}" for cluster in range(N_CLUSTERS)],
            "n_items": [RING] * N_CLUSTERS,
            "traffic": [1 / N_CLUSTERS] * N_CLUSTERS,
            "distinction": [None] * N_CLUSTERS,
        },
        schema_overrides={
            "parent_id": pl.Int64,
            "traffic": pl.Float32,
            "distinction": pl.String,
        },
    )
    members = pl.DataFrame(
        {
            "item_id": list(layout.item_ids),
            "level": [0] * layout.n_items,
            "cluster_id": layout.cluster_of_row,
        }
    )
    write_table(clusters, folder / paths.CLUSTERS, tables.CLUSTERS)
    write_table(members, folder / paths.ITEM_CLUSTERS, tables.ITEM_CLUSTERS)


def make_steps(towards: int) -> pl.DataFrame:
    """One row per person and step, ``is_new`` in the ring they go on to."""
    rows = []
    for person in range(N_PEOPLE):
        split = ("train", "validation", "test", "test")[person % 4]
        window = {"train": 7, "validation": 10, "test": 20}[split]  # days after START
        ring = person // 4 % N_CLUSTERS
        place = person // 4 // N_CLUSTERS % RING
        for step in range(KNOWN_STEPS + NEW_STEPS):
            is_new = step >= KNOWN_STEPS
            cluster = (ring + towards) % N_CLUSTERS if is_new else ring
            day = window + 1 if is_new else window - 2
            at = START + day * DAY + timedelta(minutes=step)
            item = item_name(cluster, place + step)
            rows.append((split, f"{split}{person:03}", item, cluster, at, is_new))
    schema = ["split", "user_id", "item_id", "cluster_id", "timestamp", "is_new"]
    return pl.DataFrame(rows, schema=schema, orient="row")


def make_interactions(steps: pl.DataFrame) -> pl.DataFrame:
    """The steps as INTERACTIONS, everything liked."""
    return steps.select(
        "user_id",
        "item_id",
        pl.col("timestamp").cast(pl.Datetime("us", "UTC")),
        feedback=pl.lit(None, dtype=pl.Float32),
        is_positive=pl.lit(True),
    ).sort("user_id", "timestamp", "item_id")


def make_cases(steps: pl.DataFrame) -> pl.DataFrame:
    """CASES of validation and test."""
    known = pl.col("cluster_id").filter(~pl.col("is_new")).unique()
    return _gather(
        steps,
        history_clusters=known,
        consumed_clusters=known,
        positives=pl.col("cluster_id").filter("is_new").unique(),
    )


def make_item_cases(steps: pl.DataFrame) -> pl.DataFrame:
    """ITEM_CASES of validation and test."""
    known = pl.col("item_id").filter(~pl.col("is_new")).reverse()
    return _gather(
        steps,
        recent_items=known,
        consumed_items=known,
        positives=pl.col("item_id").filter("is_new"),
    )


def make_table() -> pl.DataFrame:
    """The novel-cluster table that knows: after a ring the next one."""
    rows = []
    for pair in all_contexts(N_CLUSTERS):
        after = [(member + ahead) % N_CLUSTERS for ahead in (1, 2) for member in pair.members]
        novel = [c for c in dict.fromkeys(after) if c not in pair.members]
        rows.append((BUILD_RELEASE, pair.key, novel, [-float(n) for n in range(len(novel))]))
    schema = ["release_id", "context_key", "novel_clusters", "scores"]
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    return frame.with_columns(event_timestamp=pl.lit(TIMELINE.end))


def _gather(steps: pl.DataFrame, **columns: pl.Expr) -> pl.DataFrame:
    origins = {"validation": TIMELINE.train_until, "test": TIMELINE.fit_until}
    return (
        steps.filter(pl.col("split") != "train")
        .group_by("split", "user_id", maintain_order=True)
        .agg(**columns)
        .with_columns(origin=pl.col("split").replace_strict(origins).cast(pl.Datetime("us", "UTC")))
    )
