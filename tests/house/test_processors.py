"""Training, planning and refreshing hold on processors other than the one at hand.

Libraries choose their routines by the processor, and can be held to those of another one. So what
a toy learns, which bits a row has and whether a refresh is a full run are asked again in processes
set up like that. No setting of this kind means anything on processors without the x86 instructions.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.house.imports import ROOT

SETTINGS = {
    "plain vectors": {"ATEN_CPU_CAPABILITY": "default"},
    "AVX2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "MKL_ENABLE_INSTRUCTIONS": "AVX2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
    },
    "oldest products": {"MKL_CBWR": "COMPATIBLE"},
}
ENGINE = "tests/inference/search/test_engine.py"
TUNING = "tests/training/planner/tuning/test_finetune.py"
TESTS = (
    f"{ENGINE}::test_a_search_finds_the_same_first_ranks",
    f"{ENGINE}::test_what_is_read_beside_a_row_moves_it_as_far_as_the_engine_says",
    f"{ENGINE}::test_no_size_of_batch_moves_a_row_further_than_the_engine_says",
    f"{ENGINE}::test_bits_that_depend_on_the_batch_are_found_out",
    "tests/inference/table/test_table.py",
    "tests/inference/table/test_refresh.py",
    f"{TUNING}::test_the_planted_answers_are_written",
    f"{TUNING}::test_a_refit_follows_what_the_signal_says_now",
)


def test_the_tests_asked_again_are_there() -> None:
    """Renamed tests show at once, not when somebody next runs the long ones."""
    for test in TESTS:
        file, _, name = test.partition("::")
        assert f"def {name}" in (ROOT / file).read_text(encoding="utf-8"), test


@pytest.mark.long
@pytest.mark.parametrize("setting", SETTINGS)
def test_training_planning_and_refreshing_hold_under(setting: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TESTS]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | SETTINGS[setting] | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-6000:]
