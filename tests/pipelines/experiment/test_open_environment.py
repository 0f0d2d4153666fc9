"""The example of docs/guide/own-policy.md, as it stands there, on a small tree."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from gymnasium.utils.env_checker import check_env

from pipelines.experiment.open_environment import open_environment
from tests.worlds.experiment_tree import PARAMS
from tests.worlds.online.serving import REPOSITORY

PAGE = REPOSITORY / "docs" / "guide" / "own-policy.md"


@pytest.fixture(autouse=True)
def _tree(experiment_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy of the tree with a small study, the folder one works in."""
    shutil.copytree(experiment_tree, tmp_path, dirs_exist_ok=True)
    settings = PARAMS | {"study": {"users": 12, "rounds": 4}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    monkeypatch.chdir(tmp_path)


def test_the_documented_policy_runs_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(example, str(PAGE), "exec"), names)
    assert names["environment"].n_participants == 12
    assert re.fullmatch(r"\d+\.\d\d likes a person\n", capsys.readouterr().out)
    assert names["likes"] > 0
    assert names["liked"].sum() > names["environment"].n_clusters  # it has learnt of some likes


@pytest.mark.parametrize("world", ["planted", "choice", "fitted", "null"])
def test_every_world_of_the_study_passes_gymnasiums_checks(world: str) -> None:
    check_env(open_environment(world), skip_render_check=True)


def test_the_truth_is_not_among_what_is_seen() -> None:
    """Two truths over the same people look alike until somebody responds."""
    one, two = (open_environment(world) for world in ("planted", "null"))
    for participant in range(one.n_participants):
        seen, other = (e.reset(options={"participant": participant})[0] for e in (one, two))
        assert all(np.array_equal(seen[name], other[name]) for name in seen)
