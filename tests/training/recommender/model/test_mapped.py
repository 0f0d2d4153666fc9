"""Processes that map a recommender's files share its arrays, and answer as one that copies."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from scipy import sparse

from expectations.contracts.errors import UserError
from tests.servers import REPOSITORY
from tests.training.recommender.model.asked import ask
from training.recommender.config import RecommenderConfig
from training.recommender.data.layout import arrange_items
from training.recommender.data.neighbours import SequentialNeighbours
from training.recommender.model.model import make_model
from training.recommender.model.recommender import SequenceRecommender

N_ITEMS, N_CLUSTERS, DIMENSION = 200_000, 20, 128
CELLS_EACH = 10
ONE_COPY = 4 * N_ITEMS * DIMENSION
"""Bytes of the item vectors: 102 MB."""


def write_recommender(folder: Path, n_items: int) -> Path:
    """Write one with random weights and neighbours, and what :meth:`map` needs beside it."""
    rng = np.random.default_rng(0)
    config = RecommenderConfig(dimension=DIMENSION, n_layers=1)
    clusters = np.arange(n_items) % N_CLUSTERS
    layout = arrange_items([f"item-{n:07}" for n in range(n_items)], clusters, N_CLUSTERS)
    columns = np.sort(rng.integers(0, n_items, (n_items, CELLS_EACH)), axis=1)
    starts = np.arange(0, n_items * CELLS_EACH + 1, CELLS_EACH)
    values = rng.random(columns.size, dtype=np.float32)
    cells = sparse.csr_matrix((values, columns.ravel(), starts), shape=(n_items, n_items))
    cells.sum_duplicates()
    model = make_model(layout, config, torch.Generator().manual_seed(0))
    neighbours = SequentialNeighbours(cells, config.neighbours)
    folder.mkdir()
    likes = rng.integers(0, 1000, n_items)
    SequenceRecommender(model, layout, config, neighbours, likes).save(folder)
    SequenceRecommender.prepare(folder, folder.with_suffix(".prepared"))
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    base = tmp_path_factory.mktemp("mapped")
    return write_recommender(base / "small", 200), write_recommender(base / "large", N_ITEMS)


def run_together(way: str, folders: Sequence[Path]) -> tuple[list[object], list[int]]:
    """Let two processes answer at one time; return answers, and bytes that each has for itself."""
    command = [sys.executable, "-m", "tests.training.recommender.model.mapping_process"]
    command += [*map(str, folders), way]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    with ExitStack() as stack:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        start = subprocess.Popen
        running = [
            stack.enter_context(start(command, env=environment, cwd=REPOSITORY, **pipes))
            for _ in range(2)
        ]
        answers = [json.loads(process.stdout.readline()) for process in running]
        own = []
        for process in running:
            process.stdin.write("\n")
            process.stdin.flush()
            own.append(int(process.stdout.readline()))
        for process in running:
            process.communicate("\n")
        return answers, own


def test_two_processes_share_one_copy_of_the_vectors(folders: tuple[Path, Path]) -> None:
    mapped, own = run_together("map", folders)
    loaded = SequenceRecommender.load(folders[1])
    expected = [[item._asdict() for item in items] for items in ask(loaded)]
    assert all(len(items) >= 10 for items in expected)
    assert mapped == [expected, expected]
    print(f"own memory of two that map: {[round(each / 1e6) for each in own]} MB")
    assert sum(own) < ONE_COPY


def test_what_is_written_into_a_map_reaches_no_file(folders: tuple[Path, Path]) -> None:
    small = folders[0]
    before = {file.name: file.read_bytes() for file in small.iterdir()}
    mapped = SequenceRecommender.map(small, small.with_suffix(".prepared"))
    with torch.no_grad():
        mapped.model.items.weight.zero_()
    assert mapped.neighbours is not None
    mapped.neighbours.weights.data[:] = 0
    assert {file.name: file.read_bytes() for file in small.iterdir()} == before


def test_a_map_outlives_its_files(folders: tuple[Path, Path], tmp_path: Path) -> None:
    copy = tmp_path / "small"
    shutil.copytree(folders[0], copy)
    shutil.copy(folders[0].with_suffix(".prepared"), copy.with_suffix(".prepared"))
    mapped = SequenceRecommender.map(copy, copy.with_suffix(".prepared"))
    shutil.rmtree(copy)
    copy.with_suffix(".prepared").unlink()
    assert ask(mapped) == ask(SequenceRecommender.load(folders[0]))


def test_what_was_prepared_of_others_is_refused(
    fitted: SequenceRecommender, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "fitted").mkdir()
    fitted.save(tmp_path / "fitted")
    with pytest.raises(UserError, match="made of the recommender beside it"):
        SequenceRecommender.map(tmp_path / "fitted", folders[0].with_suffix(".prepared"))
    wrong = load_file(folders[0].with_suffix(".prepared"))
    save_file({"vectors": wrong["vectors"]}, tmp_path / "less")
    with pytest.raises(UserError, match="made of the recommender beside it"):
        SequenceRecommender.map(folders[0], tmp_path / "less")
