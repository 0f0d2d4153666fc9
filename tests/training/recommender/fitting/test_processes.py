"""Several processes train one model: the work is split, the result is that of one process."""

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

TOP = Path(__file__).parents[4]


def launch(folder: Path, loss: str, n_processes: int) -> list[dict[str, Any]]:
    """Fit in ``n_processes`` that talk over gloo; return what each did."""
    folder.mkdir()
    starter = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={n_processes}"]
    command = [sys.executable, *starter, "-m", "tests.worlds.team_fit", str(folder), loss]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    subprocess.run(command, cwd=TOP, env=environment, check=True, timeout=300)
    return [json.loads(file.read_text()) for file in sorted(folder.glob("work-*.json"))]


@pytest.mark.long
@pytest.mark.parametrize("loss", ["full", "sampled"])
def test_two_processes_share_the_work_and_end_where_one_does(loss: str, tmp_path: Path) -> None:
    """Weights, some .1 from where they started, agree to .002.

    Sums in another order move the last bits, and Adam follows them where a gradient is nothing but
    rounding (the keys' biases).
    """
    (one,) = launch(tmp_path / "one", loss, 1)
    both = launch(tmp_path / "two", loss, 2)
    assert [work["size"] for work in both] == [2, 2]
    assert [work["agreed"] for work in both] == [[7, 7], [7, 7]]  # what the first one has
    assert both[0]["windows"] + both[1]["windows"] == one["windows"]
    assert min(work["windows"] for work in both) > 0.45 * one["windows"]
    alone = load_file(tmp_path / "one" / "weights-0.safetensors")
    together = [load_file(tmp_path / "two" / f"weights-{n}.safetensors") for n in range(2)]
    for name, weight in alone.items():
        assert torch.equal(together[0][name], together[1][name])
        torch.testing.assert_close(together[0][name], weight, atol=2e-3, rtol=0)
    assert any(not torch.equal(together[0][name], weight) for name, weight in alone.items())
