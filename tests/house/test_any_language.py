"""A catalogue without blanks goes through every stage: planner and report speak its words."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
import yaml

from tests.house.checkout import clean_checkout, repro, run_module
from tests.worlds.languages import LANGUAGES, write_export
from training.clusters.representation.segmentation import split_words

pytestmark = pytest.mark.long

CHINESE = LANGUAGES["Chinese"]


def test_chinese_interests_are_planned_tabled_and_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("MLFLOW_TRACKING_URI", "FEAST_FS_YAML_FILE_PATH"):
        monkeypatch.delenv(variable, raising=False)
    checkout = clean_checkout(tmp_path / "checkout")
    write_export(CHINESE, tmp_path / "export")
    settings = yaml.safe_load((checkout / "params.yaml").read_text())
    settings["dataset"] |= {"source": "files", "path": str(tmp_path / "export")}
    settings["clusters"]["levels"] = [3, 12]
    # Each of the 78 rows must be written right; a world of twelve clusters has few to learn it by.
    settings["planner"] |= {"max_steps": 400, "completion_weight": 0.5}
    (checkout / "params.yaml").write_text(yaml.safe_dump(settings, sort_keys=True))
    repro(checkout)
    nodes = pl.read_parquet(checkout / "artifacts/clusters/clusters.parquet")
    names = nodes.filter(pl.col("level") == 1)["description"].to_list()
    words = {word for topic in CHINESE.topics for word in split_words(topic)}
    assert sum(any(word in name for word in words) for name in names) >= 11
    figures = json.loads((checkout / "metrics/clusters.json").read_text())
    assert (figures["unnamed_share"], figures["named_by_example_share"]) == (0, 0)
    assert figures["name_coverage"] > 0.9
    assert json.loads((checkout / "metrics/planner.json").read_text())["match_rate"] > 0.95
    run_module(checkout, "pipelines.commands", "publish")
    report = run_module(checkout, "pipelines.commands", "report")
    planned = [line for line in report.splitlines() if line.strip()[:2] in ("1.", "2.", "3.")]
    assert planned
    assert all(any(name in line for name in names) for line in planned)
