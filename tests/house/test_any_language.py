"""A catalogue without blanks goes through every stage: planner and report speak its words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.clusters.languages import build, look_at_build
from tests.worlds.languages import LANGUAGES

pytestmark = pytest.mark.long


def test_chinese_interests_are_planned_tabled_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("MLFLOW_TRACKING_URI", "FEAST_FS_YAML_FILE_PATH"):
        monkeypatch.delenv(variable, raising=False)
    checkout = build(LANGUAGES["Chinese"], tmp_path / "Chinese")
    figures = look_at_build(LANGUAGES["Chinese"], checkout)
    assert figures.clusters == 12
    assert figures.topics_named >= 11
    assert (figures.unnamed, figures.by_example) == (0, 0)
    assert json.loads((checkout / "metrics/clusters.json").read_text())["name_coverage"] > 0.9
    assert figures.match_rate > 0.95
    assert figures.planned_named == figures.planned > 0
