"""A working tree with a small release in it: six clusters, thirty items, a handful of users.

The table's scores are planted: after the pair (a, b) the best novel cluster is the next one
around the ring of clusters that is neither, so every served plan is known in advance.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import chdir
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import torch
import yaml
from peft import LoraConfig, get_peft_model

from expectations.contracts import tables
from expectations.contracts.values import BUILD_RELEASE, DataSeen
from pipelines.io import paths
from pipelines.io.artefact_io import atomic_folder, write_json, write_table
from tests.worlds.alignment import keep_order, leave_alignment
from tests.worlds.planning import make_planner, make_table
from training.clusters.config import RepresentationConfig
from training.clusters.distance import DISTANCES
from training.clusters.lineage.change_records import TreeChanges
from training.clusters.representation.represent import fit_items
from training.clusters.tree.assign import NO_INTERACTIONS, TreeCentroids
from training.clusters.tree.balance import find_centres
from training.clusters.tree.centroids_io import save_centroids
from training.clusters.tree.tree import weigh_items
from training.evaluation.clusters.case_figures import tabulate_cases
from training.planner.base.base_reference import write_base_record
from training.planner.base.model_io import BASE_RECORD
from training.recommender.config import RecommenderConfig
from training.recommender.data.histories import Sequences
from training.recommender.data.layout import FIRST_ITEM, arrange_items
from training.recommender.data.neighbours import fit_neighbours
from training.recommender.model.model import make_model
from training.recommender.model.recommender import SequenceRecommender

REPOSITORY = Path(__file__).resolve().parents[3]
NAMES = ("jazz guitar", "night trains", "garden birds", "chess openings", "rye bread", "kayaks")
N_CLUSTERS = len(NAMES)
ITEMS_EACH = 5
N_CASES = 400
NOW = datetime(2024, 5, 1, tzinfo=UTC)
EARLIER = datetime(2024, 4, 1, tzinfo=UTC)
END = NOW + timedelta(microseconds=1)
POSITIVE_FROM = 4.0


@dataclass(frozen=True)
class Person:
    """A user's newest state."""

    history: list[int]
    consumed: list[int]
    items: list[str]


def item_of(cluster: int, place: int) -> str:
    """The id of one item; the order of ids is not that of clusters."""
    return f"i{place}c{cluster}"


PEOPLE = {
    "ann": Person([1, 0], [0, 1], [item_of(1, 0), item_of(0, 0)]),
    "ben": Person([4], [4], [item_of(4, 1)]),
    "cat/with slash": Person([2, 3, 5], [5, 3, 2, 0], [item_of(2, 2), item_of(3, 0)]),
    "dot": Person([], [0], []),
    "eve": Person([0, 1], [0, 1, 2, 3, 4, 5], [item_of(0, 1), item_of(1, 1)]),
    "zoe": Person([3, 2], [2, 3], [item_of(3, 4), item_of(2, 4)]),
}
POPULAR = item_of(3, 2)


def likes_around_the_ring() -> np.ndarray:
    """Log-scores [N, N]: every cluster likes the next one most, then the one after it."""
    steps = (np.arange(N_CLUSTERS)[None] - np.arange(N_CLUSTERS)[:, None]) % N_CLUSTERS
    likes: np.ndarray = -steps.astype(np.float32)
    return likes


def build_tree(root: Path) -> Path:
    """Fill ``root`` with what the stages before the release leave, and return it."""
    (root / "feature_repo").mkdir(parents=True)
    settings = paths.FEATURE_REPO / "feature_store.yaml"
    shutil.copyfile(REPOSITORY / settings, root / settings)
    params = {
        "runtime": {"seed": 0, "threads": 1},
        "clusters": {"levels": [2, N_CLUSTERS]},
        "serving": {"poll_seconds": 0.05, "planned_clusters": 2},
    }
    (root / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    (root / "dvc.lock").write_text("schema: '2.0'\n", encoding="utf-8")
    with chdir(root):
        _write_clusters()
        write_histories(PEOPLE)
        _write_models()
        write_plans(likes_around_the_ring())
        write_gates(passed=True)
        write_figures(0.5)
    return root


def write_plans(likes: np.ndarray) -> None:
    """Write the table, in the tree that is the working directory."""
    write_table(make_table(likes), paths.NOVEL_CLUSTER_TABLE, tables.NOVEL_CLUSTER_TABLE)


def write_gates(passed: bool) -> None:
    """Write a gate report with one verdict."""
    verdict = {
        "guard": "planner_figures",
        "metric": "match_rate",
        "figure": 0.99 if passed else 0.2,
        "minimum": 0.95,
        "maximum": None,
        "severity": "block",
        "look_at": "artifacts/planner/curve.csv",
        "passed": passed,
        "reason": "" if passed else "match_rate is at least 0.95, found 0.2",
    }
    for stage in ("ingest", "clusters", "histories", "curate", "table", "evaluate_recommender"):
        write_json({"verdicts": []}, paths.gates_of(stage))
    write_json({"verdicts": [verdict]}, paths.gates_of("evaluate"))


def write_figures(recall: float) -> None:
    """Write the figures of 400 cases of 200 users: this share are hits, drawn anew each time."""
    hits = np.zeros(N_CASES)
    hits[: round(recall * N_CASES)] = 1
    hits = np.random.default_rng(round(1000 * recall)).permutation(hits)
    cases = pl.DataFrame(
        {
            "origin": [NOW] * N_CASES,
            "user_id": [f"judge {case // 2}" for case in range(N_CASES)],
            "positives": [[case] for case in range(N_CASES)],
        }
    )
    lists = tabulate_cases(cases, {"recall_at_10": hits})
    far = {f"recall_at_10_{name}": np.full(N_CASES, np.nan) for name in DISTANCES}
    counts_hits = {"recall_at_10_pair_counts": np.full(N_CASES, 0.4)}
    plans = tabulate_cases(cases, {"recall_at_10": hits, **counts_hits, **far})
    write_table(plans, paths.PLAN_FIGURES, tables.PLAN_FIGURES)
    write_table(lists, paths.LIST_FIGURES, tables.LIST_FIGURES)
    name = "recall_at_10_as_served"
    interval = {f"{name}_low": recall - 0.05, f"{name}_high": recall + 0.05}
    counts = {"n_cases": N_CASES, "n_users": N_CASES // 2}
    write_json({name: recall, **interval, **counts}, paths.metrics_of("planner"))
    write_json({"recommender_ndcg_at_10": recall / 2}, paths.metrics_of("recommender"))
    write_json({"train_transitions": 3}, paths.metrics_of("curation"))


def _write_clusters() -> None:
    ids = [(item_of(c, p), c) for c in range(N_CLUSTERS) for p in range(ITEMS_EACH)]
    items = pl.DataFrame(
        {
            "item_id": [item for item, _ in ids],
            "title": [f"{NAMES[c]}, part {item[1]}" for item, c in ids],
            "text": [""] * len(ids),
        }
    ).with_columns(category_path=pl.Series([["odd"] if c % 2 else None for _, c in ids]))
    write_table(items.sort("item_id"), paths.ITEMS, tables.ITEMS)
    nodes: list[tuple[object, ...]]
    nodes = [(0, c, None, f"theme {c}", 15, 0.5, None) for c in range(2)]
    nodes += [(1, c, c % 2, name, ITEMS_EACH, 1 / N_CLUSTERS, None) for c, name in enumerate(NAMES)]
    columns = tables.CLUSTERS.schema.names
    tree = pl.DataFrame(
        nodes, schema=columns, orient="row", schema_overrides={"distinction": pl.String}
    )
    write_table(tree, paths.CLUSTERS, tables.CLUSTERS)
    rows = [(item, level, c if level else c % 2) for item, c in ids for level in range(2)]
    members = pl.DataFrame(rows, schema=tables.ITEM_CLUSTERS.schema.names, orient="row")
    write_table(members, paths.ITEM_CLUSTERS, tables.ITEM_CLUSTERS)
    write_json(TreeChanges().to_json(), paths.CLUSTER_CHANGES)
    _write_places(items, members)
    popularity = items.select("item_id").with_columns(
        n_positive=pl.when(pl.col("item_id") == POPULAR).then(9).otherwise(1)
    )
    write_table(popularity, paths.ITEM_POPULARITY, tables.ITEM_POPULARITY)


def _write_places(items: pl.DataFrame, members: pl.DataFrame) -> None:
    """Write where the clusters stand by the titles of their items; nobody has acted yet."""
    config = RepresentationConfig(text_dimensions=8)
    rng = np.random.default_rng(0)
    encoder, represented = fit_items(items, NO_INTERACTIONS, NOW, config, rng)
    points = weigh_items(represented)
    levels = [members.filter(level=level).sort("item_id")["cluster_id"] for level in range(2)]
    centres = [find_centres(points, c.to_numpy(), n) for c, n in zip(levels, (2, 6), strict=True)]
    parents = (np.empty(0, dtype=np.int64), np.arange(N_CLUSTERS) % 2)
    with atomic_folder(paths.TREE_CENTROIDS) as folder:
        save_centroids(TreeCentroids(encoder, tuple(centres), parents), folder)


def write_histories(people: Mapping[str, Person]) -> None:
    """Write an earlier and the newest state of every person, and what they did."""
    clusters: list[tuple[object, ...]] = []
    items: list[tuple[object, ...]] = []
    for user, person in people.items():
        clusters.append((BUILD_RELEASE, user, EARLIER, person.history[-1:], person.consumed[:1]))
        clusters.append((BUILD_RELEASE, user, NOW, person.history, person.consumed))
        items.append((BUILD_RELEASE, user, NOW, person.items, person.items))
    _write_rows(clusters, paths.USER_CLUSTER_HISTORY, tables.USER_CLUSTER_HISTORY)
    _write_rows(items, paths.USER_ITEM_HISTORY, tables.USER_ITEM_HISTORY)
    rows = [(u, item, NOW, None, True) for u, p in people.items() for item in p.items]
    log = pl.DataFrame(
        rows,
        schema=tables.INTERACTIONS.schema.names,
        schema_overrides={"feedback": pl.Float32},
        orient="row",
    )
    write_table(log, paths.INTERACTIONS, tables.INTERACTIONS)
    write_json(DataSeen(END, 0, POSITIVE_FROM).to_json(), paths.DATA_SEEN)


def _write_rows(rows: list[tuple[object, ...]], path: Path, table: tables.Table) -> None:
    lists = {c.name: pl.List(pl.String) for c in table.features if "items" in c.name}
    lists |= {c.name: pl.List(pl.Int64) for c in table.features if "clusters" in c.name}
    frame = pl.DataFrame(rows, schema=table.schema.names, orient="row", schema_overrides=lists)
    write_table(frame, path, table)


def _write_models() -> None:
    write_planner(width=16, rank=2)
    paths.PLANNER_CURVE.write_text("step,loss,match_rate\n10,2.5,0.1\n20,1.5,0.9\n")
    header = "phase,epoch,train_loss,validation_ndcg_at_10\n"
    paths.RECOMMENDER_CURVE.write_text(f"{header}choose,1,5.0,0.25\nrefit,1,4.5,\n")
    leave_alignment(keep_order(N_CLUSTERS), paths.ALIGNMENT)
    write_recommender(seed=0)


def write_planner(width: int, rank: int) -> None:
    """Write a base model of this width and an adapter of this rank, both with random weights."""
    planner = make_planner(NAMES, width=width, layers=1)
    planner.model.save_pretrained(paths.BASE_MODEL)
    planner.tokenizer.save_pretrained(paths.BASE_MODEL)
    adapted = get_peft_model(planner.model, LoraConfig(r=rank, target_modules=["q_proj"]))
    adapted.save_pretrained(paths.PLANNER_ADAPTER)
    write_base_record(paths.BASE_MODEL, paths.PLANNER_ADAPTER / BASE_RECORD)


def write_recommender(seed: int) -> None:
    """Write a recommender with random weights and neighbours."""
    config = RecommenderConfig(dimension=8, n_layers=1, n_heads=1, max_length=10)
    ids = [(item_of(c, p), c) for c in range(N_CLUSTERS) for p in range(ITEMS_EACH)]
    layout = arrange_items([i for i, _ in ids], np.array([c for _, c in ids]), N_CLUSTERS)
    model = make_model(layout, config, torch.Generator().manual_seed(seed))
    log = np.random.default_rng(seed).integers(FIRST_ITEM, FIRST_ITEM + len(ids), (30, 5))
    neighbours = fit_neighbours(Sequences.of(log.tolist()), len(ids), config.neighbours)
    paths.RECOMMENDER.mkdir(parents=True, exist_ok=True)
    SequenceRecommender(model, layout, config, neighbours).save(paths.RECOMMENDER)
