"""A stage says in one line what it made and took, and no library speaks between."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipelines.io import paths
from pipelines.io.stage_words import MADE, WORDS, describe_stage
from pipelines.reference.metric_words import FILES
from pipelines.reference.metrics import unexplained
from tests.house.imports import ROOT

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
WORK = """
import multiprocessing, sys
sys.path.insert(0, {root!r})
from pipelines.io import stage

def burn():
    return sum(n * n for n in range(3_000_000))

def work():
    import numpy
    worker = multiprocessing.get_context("fork").Process(target=burn)
    worker.start()
    worker.join()

stage.run("curate", work)
"""


def test_a_stage_says_what_it_made_and_what_the_whole_process_took(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics/curation.json").write_text('{"train_transitions": 1234, "test_cases": 5}')
    command = [sys.executable, "-c", WORK.format(root=str(ROOT))]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    said = r"curate: 1,234 transitions to train on, 5 cases to test on \([\d.]+ s, [\d.]+ s of .*\)"
    assert re.fullmatch(said, line)
    cost = json.loads((tmp_path / paths.STAGE_COSTS / "curate.json").read_text())
    # imports of numpy and polars are in it, and the worker: three million squares
    assert cost["processor_seconds"] > 0.3
    assert cost["wall_seconds"] >= 0.5 * cost["processor_seconds"]
    assert cost["peak_memory_mb"] > 10


def test_every_stage_has_words_whose_figures_it_leaves() -> None:
    assert {*WORDS, *MADE, "histories"} == {*STAGES, "publish"}
    for name, (concern, words) in WORDS.items():
        left = [*STAGES[name]["outs"], *STAGES[name].get("metrics", [])]
        assert paths.metrics_of(concern).as_posix() in left
        assert concern in FILES
        assert unexplained(concern, re.findall(r"{(\w+):", words)) == []


def test_whatever_runs_as_a_stage_has_words() -> None:
    files = [*(ROOT / "pipelines/stages").glob("*.py"), *(ROOT / "pipelines/commands").glob("*.py")]
    named = {name for f in files for name in re.findall(r'stage\.run\("(\w+)"', f.read_text())}
    assert named == {*WORDS, *MADE, "histories"}


def test_what_has_no_figures_is_named_all_the_same() -> None:
    assert describe_stage("base_model") == "the base language model"


def test_no_bar_of_another_library_is_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

    shape = {"hidden_size": 8, "intermediate_size": 8, "vocab_size": 16}
    heads = {"num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1}
    model = LlamaForCausalLM(LlamaConfig(**shape, **heads))
    model.save_pretrained(str(tmp_path))
    AutoModelForCausalLM.from_pretrained(str(tmp_path))
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")
