"""Kills at random moments of the first publish, of promote and of retire: the next command works.

``EXPLORER_KILLS=50 python -m pytest -m long tests/pipelines/lifecycle/test_kills.py`` kills that
often; without the variable a test takes seconds.
"""

from __future__ import annotations

import os
import shutil
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
import yaml

from tests.pipelines.lifecycle.forked_commands import (
    LOOK,
    PROMOTE,
    PUBLISH,
    RETIRE,
    ROLL_BACK,
    Trees,
    fork_server,
)
from tests.worlds.online.serving import build_tree
from tests.worlds.online.telling_releases import write_telling_release

pytestmark = pytest.mark.long

KILLS = int(os.environ.get("EXPLORER_KILLS", "2"))
"""Of each command; two fall on a tree before it must work again, the first while it runs."""


@pytest.fixture(scope="module")
def forks() -> ForkServerContext:
    return fork_server()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree with a release that nobody has published."""
    root = build_tree(tmp_path_factory.mktemp("kills") / "tree")
    params = yaml.safe_load((root / "params.yaml").read_text())
    params["retention"] = {"keep_last": 1, "keep_days": 0}
    (root / "params.yaml").write_text(yaml.safe_dump(params))
    (root / ".dvc").mkdir()
    (root / ".dvc" / "config").write_text("[core]\n    no_scm = true\n")
    write_telling_release(root, 0, n_others=50)
    return root


@pytest.fixture(scope="module")
def published(built: Path, forks: ForkServerContext) -> Path:
    """Three releases of it: the first was champion, the second is, the third is challenger."""
    root = built.parent / "published"
    shutil.copytree(built, root)
    trees = Trees(forks, root, root.parent)
    for k in (1, 2):
        trees.run(root, PUBLISH, PROMOTE)
        write_telling_release(root, k, n_others=50)
    trees.run(root, PUBLISH)
    return root


def test_the_first_publish_may_be_killed_at_any_moment(
    built: Path, forks: ForkServerContext, tmp_path: Path
) -> None:
    trees = Trees(forks, built, tmp_path)
    within = trees.run(trees.copy(), PUBLISH)
    for _ in range(KILLS // 2):
        tree = trees.killed_copy(within, PUBLISH)
        trees.kill(tree, within, PUBLISH)
        trees.run(tree, PUBLISH, PROMOTE, LOOK)


def test_a_move_of_the_champion_may_be_killed_at_any_moment(
    published: Path, forks: ForkServerContext, tmp_path: Path
) -> None:
    trees = Trees(forks, published, tmp_path)
    within = trees.run(trees.copy(), PROMOTE)
    for _ in range(KILLS // 2):
        tree = trees.killed_copy(within, PROMOTE)
        trees.run(tree, PROMOTE, LOOK)
        trees.kill(tree, within, ROLL_BACK)
        trees.run(tree, PUBLISH, PROMOTE, ROLL_BACK, PROMOTE, LOOK)


def test_a_retirement_may_be_killed_at_any_moment(
    published: Path, forks: ForkServerContext, tmp_path: Path
) -> None:
    promoted = Trees(forks, published, tmp_path).copy()
    trees = Trees(forks, promoted, tmp_path / "retired")
    trees.run(promoted, PROMOTE)
    within = trees.run(trees.copy(), RETIRE)
    for _ in range(KILLS // 2):
        tree = trees.killed_copy(within, RETIRE)
        trees.kill(tree, within, RETIRE)
        trees.run(tree, RETIRE, LOOK, PUBLISH, PROMOTE, ROLL_BACK, LOOK)
