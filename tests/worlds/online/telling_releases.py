"""Releases that name themselves in every part, so that an answer made from two of them shows.

Release ``k`` differs from the others in the users' histories, in what its table plans, in its
recommender and in the titles of its items. An answer that takes any one of these from another
release equals the answer of none.
"""

from __future__ import annotations

import hashlib
from contextlib import chdir
from pathlib import Path

import numpy as np
import polars as pl
import yaml

from expectations.contracts import tables
from inference.release.manifest import ReleaseManifest, read_manifest
from pipelines.io import paths
from pipelines.io.artefact_io import read_table, write_table
from pipelines.params.params import read_params
from pipelines.stages import release
from tests.worlds.online.serving import (
    ITEMS_EACH,
    N_CLUSTERS,
    Person,
    item_of,
    write_histories,
    write_plans,
    write_recommender,
)

ASKED = tuple(f"asked {n}" for n in range(12))


def write_telling_release(root: Path, k: int, n_others: int) -> ReleaseManifest:
    """Write the parts of release ``k`` into the tree at ``root`` and return its manifest.

    Args:
        root: a tree that :func:`tests.worlds.online.serving.build_tree` has filled.
        k: which release, from 0; no two of the first four plan alike.
        n_others: users beside :data:`ASKED`, so that a load takes its time.
    """
    with chdir(root):
        write_histories({**_asked(k), **_others(n_others)})
        write_plans(_likes(k))
        write_recommender(seed=k)
        _write_titles(k)
        release.main(read_params())
        _write_lock()
        return read_manifest(paths.RELEASE)


def _write_lock() -> None:
    """Write the part of ``dvc.lock`` that names the manifest."""
    out = {"path": str(paths.RELEASE), "md5": hashlib.md5(paths.RELEASE.read_bytes()).hexdigest()}
    content = {"schema": "2.0", "stages": {"release": {"cmd": "", "outs": [out]}}}
    Path("dvc.lock").write_text(yaml.safe_dump(content))


def _asked(k: int) -> dict[str, Person]:
    return {user: _person(place + k, k) for place, user in enumerate(ASKED)}


def _others(count: int) -> dict[str, Person]:
    return {f"other {n:06d}": _person(n, 0) for n in range(count)}


def _person(first: int, place: int) -> Person:
    history = [first % N_CLUSTERS, (first + 1) % N_CLUSTERS]
    return Person(history, sorted(history), [item_of(c, place % ITEMS_EACH) for c in history])


def _likes(k: int) -> np.ndarray:
    """Log-scores [N, N]: every cluster likes the one ``k + 1`` steps on most."""
    steps = (np.arange(N_CLUSTERS)[None] - np.arange(N_CLUSTERS)[:, None] - k - 1) % N_CLUSTERS
    likes: np.ndarray = -steps.astype(np.float32)
    return likes


def _write_titles(k: int) -> None:
    items = read_table(paths.ITEMS, tables.ITEMS)
    plain = pl.col("title").str.replace(r"^release \d+: ", "")
    named = items.with_columns(title=pl.format("release {}: {}", pl.lit(k), plain))
    write_table(named, paths.ITEMS, tables.ITEMS)
