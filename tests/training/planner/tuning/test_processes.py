"""Several processes tune one planner: the batch is split, the result is that of one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.worlds.planner import planned_rule_world
from tests.worlds.tiny_models import save_tiny_base

TOP = Path(__file__).parents[4]


def launch(folder: Path, n_processes: int) -> list[dict[str, Any]]:
    """Tune in ``n_processes`` that talk over gloo; return what each did."""
    folder.mkdir()
    starter = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={n_processes}"]
    command = [sys.executable, *starter, "-m", "tests.worlds.team_tune", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    subprocess.run(command, cwd=TOP, env=environment, check=True, timeout=300)
    return [json.loads(file.read_text()) for file in sorted(folder.glob("work-*.json"))]


@pytest.mark.long
def test_two_processes_share_each_batch_and_end_where_one_does(tmp_path: Path) -> None:
    """Sums in another order move the last bits, which Adam carries on over the ten steps."""
    save_tiny_base(tmp_path / "base", "llama", planned_rule_world(5, copies=1).descriptions)
    (one,) = launch(tmp_path / "one", 1)
    both = launch(tmp_path / "two", 2)
    assert (one["size"], one["prompts"]) == (1, 70)
    assert [(work["size"], work["prompts"]) for work in both] == [(2, 40), (2, 30)]
    assert both[0]["curve"] == both[1]["curve"]
    assert len(one["curve"]) == 2
    for alone, together in zip(one["curve"], both[0]["curve"], strict=True):
        assert together == pytest.approx(alone, rel=1e-3)
    adapters = [load_file(file) for file in sorted((tmp_path / "two").glob("*.safetensors"))]
    for name, weight in load_file(tmp_path / "one" / "adapter-0.safetensors").items():
        assert torch.equal(adapters[0][name], adapters[1][name])
        torch.testing.assert_close(adapters[0][name], weight, atol=2e-3, rtol=0)
