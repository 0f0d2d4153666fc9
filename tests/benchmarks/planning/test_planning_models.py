"""The planning benchmark trains by stages that leave each other what they need."""

from __future__ import annotations

from pathlib import Path

import yaml

from benchmarks.planning.models import STAGES

REPOSITORY = Path(__file__).resolve().parents[3]


def test_every_stage_finds_what_those_before_it_left() -> None:
    pipeline = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["stages"]
    left: set[str] = set()
    for name in STAGES:
        needed = {dep for dep in pipeline[name]["deps"] if dep.startswith("artifacts/")}
        assert needed <= left, f"{name} lacks {needed - left}"
        # an output is a path, or a path with its settings
        left |= {out if isinstance(out, str) else next(iter(out)) for out in pipeline[name]["outs"]}
