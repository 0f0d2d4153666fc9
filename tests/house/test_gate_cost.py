"""Only commands with a gate pay for importing Great Expectations, which takes seconds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.house.imports import ROOT, closure_of

ENGINE = Path("expectations/gates/engine.py")
GATED = {
    "pipelines.stages.ingest",
    "pipelines.stages.clusters",
    "pipelines.stages.histories",
    "pipelines.stages.curate",
    "pipelines.stages.table",
    "pipelines.stages.evaluate",
    "pipelines.stages.evaluate_recommender",
    "pipelines.lifecycle.publish",
}
UNGATED = (
    "pipelines.stages.base_model",
    "pipelines.stages.planner",
    "pipelines.stages.recommender",
    "pipelines.stages.experiment",
    "pipelines.stages.release",
    "pipelines.stages.table",  # its worker processes import it, too; the gate is imported late
    "pipelines.lifecycle.promote",
    "pipelines.report.release_report",
    "pipelines.online.serve",
)


def test_the_gated_commands_are_those_that_reach_great_expectations() -> None:
    commands = [
        *Path(ROOT, "pipelines/stages").glob("*.py"),
        ROOT / "pipelines/lifecycle/publish.py",
    ]
    files = [file.relative_to(ROOT) for file in commands if file.name != "__init__.py"]
    reaching = {file for file in files if ENGINE in closure_of(file)}
    assert {".".join(file.with_suffix("").parts) for file in reaching} == GATED


def test_the_others_run_without_it() -> None:
    imports = "; ".join(f"import {module}" for module in UNGATED)
    check = "import sys; sys.exit('great_expectations' in sys.modules)"
    subprocess.run([sys.executable, "-c", f"{imports}; {check}"], check=True, cwd=ROOT)
