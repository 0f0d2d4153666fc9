"""What a process does not pay for when it starts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CHECKS = "check_argument_types"
"""What typeguard calls in a function that it has rewritten."""
FEAST = "from feast import FeatureView; seen = FeatureView.__init__"
THEIRS = """
import typeguard
@typeguard.typechecked
def seen(number: int) -> int:
    return number
"""


def names_called(code: str) -> str:
    """The names that the function ``seen`` of a fresh process refers to."""
    shown = "print(*seen.__code__.co_names)"
    command = [sys.executable, "-c", f"{code}\n{shown}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_feast_is_loaded_without_being_rewritten() -> None:
    assert CHECKS in names_called(FEAST)  # else there is nothing left to save
    assert CHECKS not in names_called(f"import pipelines; {FEAST}")


def test_whoever_else_asks_for_checks_has_them(tmp_path: Path) -> None:
    (tmp_path / "theirs.py").write_text(THEIRS)
    path = f"import pipelines, sys; sys.path.append({str(tmp_path)!r})"
    assert CHECKS in names_called(f"{path}\nfrom theirs import seen")


def test_a_recommender_is_loaded_without_torchs_compiler() -> None:
    """Of which the release's model needs nothing; torch asks for it when it fills meta tensors."""
    build = """
import sys
import numpy as np
from training.recommender.config import RecommenderConfig
from training.recommender.data.layout import ItemLayout
from training.recommender.model.model import make_empty_model
make_empty_model(ItemLayout(("a", "b"), np.array([0, 2])), RecommenderConfig())
print("torch._dynamo" in sys.modules)
"""
    command = [sys.executable, "-c", build]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == "False\n"
