"""What is kept on disk half done is bound to the code that made it, wherever that code moves."""

from __future__ import annotations

from pathlib import Path

from tests.house.imports import ROOT, closure_of, is_only_a_docstring
from training.recommender.fitting.checkpoint import source_files


def test_a_checkpoint_is_bound_to_all_the_code_that_its_training_runs() -> None:
    # of settings and data it has the content
    ready_before = {Path("training/config.py"), Path("training/curation/user_chunks.py")}
    runs = {
        file
        for file in closure_of(Path("training/recommender/fitting/fit.py"))
        if file.parts[0] == "training" and not is_only_a_docstring(file)
    }
    known = {file.relative_to(ROOT) for file in source_files()}
    assert sorted(runs - ready_before - known) == []
