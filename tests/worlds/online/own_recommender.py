"""The example of docs/guide/own-recommender.md, as it stands there: what is shown is what runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from training.recommender.data.layout import ItemLayout
from training.recommender.protocol import Recommender

PAGE = Path(__file__).resolve().parents[3] / "docs" / "guide" / "own-recommender.md"


def read_example(containing: str) -> str:
    """Return the one Python block of the page that holds some text."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (found,) = (block for block in blocks if containing in block)
    return str(found)


def make_als(histories: Sequence[Sequence[str]], layout: ItemLayout) -> Recommender:
    """Return the documented ALS recommender, fitted."""
    names: dict[str, Any] = {}
    exec(compile(read_example("class AlsRecommender"), str(PAGE), "exec"), names)
    return cast(Recommender, names["AlsRecommender"](histories, layout))
