"""The recommender stage: what it leaves, and that a kill in mid-training changes none of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from expectations.contracts.tables import (
    CLUSTERS,
    INTERACTIONS,
    ITEM_CLUSTERS,
    ITEM_POPULARITY,
    ITEMS,
)
from pipelines.io import paths
from pipelines.io.artefact_io import read_table, write_json, write_table
from pipelines.params.params import read_params
from pipelines.stages import clusters, recommender
from tests.worlds import recommender as world
from tests.worlds.clusters import CUT, build_topic_world
from training.clusters.tree.centroids_io import load_centroids
from training.curation.timeline import Timeline
from training.recommender.fitting.release_fit import CHECKPOINT_FILES
from training.recommender.model.parts import WEIGHTS_FILE
from training.recommender.model.recommender import SequenceRecommender

TOP = Path(__file__).parents[3]
COMMAND = [sys.executable, "-m", "pipelines.stages.recommender"]
OUTS = (
    paths.RECOMMENDER,
    paths.RECOMMENDER_BEFORE_VALIDATION,
    paths.RECOMMENDER_CURVE,
    paths.ITEM_POPULARITY,
)
PATIENCE_SECONDS = 120


def prepare(folder: Path, n_users: int) -> dict[str, str]:
    """Write the stage's inputs below ``folder``; return the environment to run it in."""
    here = Path.cwd()
    os.chdir(folder)
    try:
        layout = world.make_layout()
        nodes = {
            "level": 0,
            "cluster_id": range(layout.n_clusters),
            "parent_id": pl.Series([None] * layout.n_clusters, dtype=pl.Int64),
            "description": ["a", "b", "c", "d"],
            "n_items": world.RING,
            "traffic": 1 / layout.n_clusters,
            "distinction": pl.Series([None] * layout.n_clusters, dtype=pl.String),
        }
        write_table(pl.DataFrame(nodes), paths.CLUSTERS, CLUSTERS)
        members = {"item_id": layout.item_ids, "cluster_id": layout.cluster_of_row}
        items = pl.DataFrame(members).with_columns(level=0)
        write_table(items, paths.ITEM_CLUSTERS, ITEM_CLUSTERS)
        walks = world.walk(n_users, 20, noise=0.1, seed=0)
        write_table(world.make_interactions(walks).collect(), paths.INTERACTIONS, INTERACTIONS)
        start, hour = world.START, timedelta(hours=1)
        timeline = Timeline((start + 15 * hour,), (start + 18 * hour,), start + 20 * hour)
        write_json(timeline.to_json(), paths.TIMELINE)
    finally:
        os.chdir(here)
    config = world.SMALL.model_dump() | {"max_epochs": 6, "patience": 6}
    params = {
        "recommender": config,
        "clusters": {"levels": [world.N_CLUSTERS]},
        "runtime": {"threads": 1},
    }
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    return {**os.environ, "PYTHONPATH": str(TOP), "OMP_NUM_THREADS": "1"}


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file that the stage leaves, by its path below ``folder``."""
    files = [file for out in OUTS for file in ((folder / out).rglob("*"), [folder / out])]
    flat = [file for group in files for file in group if file.is_file()]
    return {str(file.relative_to(folder)): file.read_bytes() for file in flat}


def test_items_that_nobody_liked_are_placed_by_their_text_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text is the clusters stage's own, in the model's order of items."""
    monkeypatch.chdir(tmp_path)
    topics = build_topic_world()
    copied = topics.items.head(1).with_columns(item_id=pl.lit("a newcomer"))
    items = pl.concat([topics.items, copied])
    write_table(items, paths.ITEMS, ITEMS)
    write_table(topics.interactions, paths.INTERACTIONS, INTERACTIONS)
    write_json(Timeline((CUT,), (CUT,), CUT + timedelta(days=1)).to_json(), paths.TIMELINE)
    tiny = world.SMALL.model_dump() | {"max_epochs": 1, "refit": False}
    level = {"levels": [3], "representation": {"text_dimensions": 12}}
    models = {}
    for item_text in (False, True):
        section = tiny | {"item_text": item_text}
        params = {"recommender": section, "clusters": level, "runtime": {"threads": 1}}
        Path("params.yaml").write_text(yaml.safe_dump(params))
        if not item_text:
            clusters.main(read_params())
        recommender.main(read_params())
        models[item_text] = SequenceRecommender.load(paths.RECOMMENDER)
    layout = models[True].layout
    text = recommender.read_item_text(layout)
    encoder = load_centroids(paths.TREE_CENTROIDS).encoder.text
    for place, item in list(enumerate(layout.item_ids))[::7]:
        of_item = items.filter(pl.col("item_id") == item)
        np.testing.assert_allclose(text[place], encoder.encode(of_item)[0], atol=1e-6)
    newcomer, original = (layout.index_of[i] - 1 for i in ("a newcomer", copied_from(items)))
    np.testing.assert_allclose(text[newcomer], text[original], atol=1e-6)
    changed = (models[False].model.items.weight != models[True].model.items.weight).any(dim=1)
    likes = read_table(paths.ITEM_POPULARITY, ITEM_POPULARITY)
    unliked = likes.filter(pl.col("n_positive") == 0)["item_id"]
    assert {layout.item_ids[i - 1] for i in changed.nonzero().flatten()} == set(unliked)
    assert "a newcomer" in set(unliked)


def copied_from(items: pl.DataFrame) -> str:
    """Return the id of the item that the newcomer repeats."""
    return str(items["item_id"][0])


@pytest.mark.long
def test_killed_while_choosing_and_while_refitting_it_leaves_the_same_bytes(tmp_path: Path) -> None:
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    for folder in (unbroken, broken):
        folder.mkdir()
    environment = prepare(unbroken, 2000)
    prepare(broken, 2000)
    subprocess.run(COMMAND, cwd=unbroken, env=environment, check=True)
    for name in CHECKPOINT_FILES:
        process = subprocess.Popen(COMMAND, cwd=broken, env=environment)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (broken / paths.RECOMMENDER_TRAINING / name).exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not (broken / paths.RECOMMENDER).exists()
    subprocess.run(COMMAND, cwd=broken, env=environment, check=True)
    left = set(contents(unbroken))
    assert {str(paths.RECOMMENDER / WEIGHTS_FILE), str(paths.RECOMMENDER_CURVE)} < left
    assert contents(broken) == contents(unbroken)
    assert not (broken / paths.RECOMMENDER_TRAINING).exists()
