"""The headline figures alone are DVC's metrics; everything else is one file away."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipelines.io import paths
from pipelines.reference.metrics import unexplained
from pipelines.release.summary import HEADLINES, take_headlines
from tests.house.imports import ROOT

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
SUMMARY = paths.metrics_of("summary").as_posix()


def all_figures() -> dict[str, dict[str, float]]:
    """A figure for every headline, and one besides."""
    figures: dict[str, dict[str, float]] = {"planner": {"other": 1.0}, "recommender": {}}
    for number, (concern, name) in enumerate(HEADLINES.values()):
        figures[concern][name] = round(0.123456 + number / 100, 6)
    return figures


def run(*command: str) -> str:
    """What a command prints; it must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_only_the_summary_is_a_metric_of_dvc() -> None:
    metrics = [file for stage in STAGES.values() for file in stage.get("metrics", [])]
    assert metrics == [SUMMARY]
    outs = [out for stage in STAGES.values() for out in stage.get("outs", [])]
    concerns = ("ingest", "clusters", "curation", "planner", "recommender", "table", "experiment")
    assert {paths.metrics_of(concern).as_posix() for concern in concerns} <= set(outs)


def test_the_summary_is_short_and_every_name_is_explained() -> None:
    summary = take_headlines(all_figures())
    assert set(summary) == set(HEADLINES)
    assert len(summary) <= 14
    assert unexplained("summary", summary) == []
    for concern, figures in all_figures().items():
        assert unexplained(concern, [name for name in figures if name != "other"]) == []


def test_dvc_shows_it_on_a_screen_and_compares_a_fresh_branch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dvc = (sys.executable, "-m", "dvc")
    run("git", "init", "-q")
    run(*dvc, "init", "-q")
    shutil.copy(ROOT / ".gitignore", ".gitignore")
    Path("summary.json").write_text(json.dumps(take_headlines(all_figures())))
    command = f"{sys.executable} -c \"import shutil; shutil.copy('summary.json', '{SUMMARY}')\""
    Path(paths.METRICS).mkdir()
    stage = {"cmd": command, "deps": ["summary.json"], "metrics": [SUMMARY]}
    Path("dvc.yaml").write_text(yaml.safe_dump({"stages": {"release": stage}}))
    run("git", "add", "-A")
    who = ("-c", "user.name=t", "-c", "user.email=t@localhost")
    run("git", *who, "commit", "-q", "-m", "code, and no dvc.lock")
    run("git", "checkout", "-q", "-b", "fresh")
    run(*dvc, "repro", "-q")
    shown = run(*dvc, "metrics", "show")
    assert sum(-(-len(line) // 100) for line in shown.splitlines()) <= 24
    compared = run(*dvc, "metrics", "diff")
    assert all(name in compared for name in HEADLINES)
