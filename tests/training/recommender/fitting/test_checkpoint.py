"""A training that breaks off anywhere resumes and ends with the same weights."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.worlds import recommender as world
from training.curation.timeline import Timeline
from training.recommender.config import RecommenderConfig
from training.recommender.data.histories import Sequences
from training.recommender.fitting import checkpoint
from training.recommender.fitting.checkpoint import Checkpoint, Checkpoints, fingerprint_of
from training.recommender.fitting.release_fit import CHECKPOINT_FILES, fit_for_release
from training.recommender.fitting.training_run import EpochReport
from training.recommender.model.recommender import SequenceRecommender

TINY = world.SMALL.model_copy(update={"max_epochs": 2, "batch_tokens": 64, "n_negatives": 20})


class PowerCutError(Exception):
    """The training broke off."""


def fit(
    config: RecommenderConfig, folder: Path | None, curve: list[EpochReport]
) -> SequenceRecommender:
    interactions = world.make_interactions(world.walk(30, 10, noise=0.1, seed=0))
    start, hour = world.START, timedelta(hours=1)
    timeline = Timeline((start + 6 * hour,), (start + 8 * hour,), start + 10 * hour)
    layout = world.make_layout()
    fitted = fit_for_release(interactions, layout, timeline, config, 0, curve.append, folder)
    return fitted.shipped


def assert_equal(one: SequenceRecommender, other: SequenceRecommender) -> None:
    weights = other.model.state_dict()
    for name, weight in one.model.state_dict().items():
        assert torch.equal(weight, weights[name]), name


@pytest.mark.parametrize("loss", ["full", "sampled"])
def test_broken_off_after_any_checkpoint_it_ends_with_the_same_weights(
    loss: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The power fails at every third checkpoint, of which every step leaves one."""
    config = TINY.model_copy(update={"loss": loss})
    unbroken_curve: list[EpochReport] = []
    unbroken = fit(config, None, unbroken_curve)
    write, written, cuts = Checkpoints.write, 0, 0

    def write_then_fail(self: Checkpoints, state: Checkpoint) -> None:
        nonlocal written
        write(self, state)
        written += 1
        if written % 3 == 0:
            raise PowerCutError

    monkeypatch.setattr(Checkpoints, "write", write_then_fail)
    monkeypatch.setattr(Checkpoints.__init__, "__defaults__", (0.0,))
    while True:
        curve: list[EpochReport] = []
        try:
            resumed = fit(config, tmp_path, curve)
            break
        except PowerCutError:
            cuts += 1
    assert cuts >= 5  # within epochs and at their ends, while choosing and while refitting
    assert curve == unbroken_curve
    assert_equal(resumed, unbroken)


@pytest.mark.parametrize(
    "damage", ["other seed", "other data", "other code", "torn", "none of ours"]
)
def test_what_is_not_of_this_training_is_passed_over(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "state.safetensors"
    layout, sequences = world.make_layout(), Sequences.of([[1, 2, 3], [4, 5]])
    mine = fingerprint_of((sequences,), layout, TINY, 0, "test")
    state = Checkpoint({"weight": torch.ones(3)}, {"epoch": 1})
    Checkpoints(file, mine).write(state)
    found = Checkpoints(file, mine).read()
    assert found is not None
    assert torch.equal(found.tensors["weight"], torch.ones(3))
    assert found.record == {"epoch": 1}

    if damage == "other seed":
        mine = fingerprint_of((sequences,), layout, TINY, 1, "test")
    elif damage == "other data":
        changed = Sequences(sequences.items[::-1], sequences.offsets)
        mine = fingerprint_of((changed,), layout, TINY, 0, "test")
    elif damage == "other code":
        (tmp_path / "loss.py").write_text("loss = 0.0\n")
        monkeypatch.setattr(checkpoint, "SOURCES", (*checkpoint.SOURCES, tmp_path))
        mine = fingerprint_of((sequences,), layout, TINY, 0, "test")
    elif damage == "torn":
        file.write_bytes(file.read_bytes()[:40])
    else:
        file.write_bytes(b"\x00" * 4096)
    assert Checkpoints(file, mine).read() is None


def test_a_write_that_breaks_off_leaves_the_old_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Checkpoints(tmp_path / "state.safetensors", "mine")
    kept.write(Checkpoint({"weight": torch.zeros(2)}, {"epoch": 1}))

    def tear(tensors: object, partial: Path, metadata: object) -> None:
        partial.write_bytes(b"half")
        raise PowerCutError

    monkeypatch.setattr(checkpoint, "save_file", tear)
    with pytest.raises(PowerCutError):
        kept.write(Checkpoint({"weight": torch.ones(2)}, {"epoch": 2}))
    found = kept.read()
    assert found is not None
    assert found.record == {"epoch": 1}


def test_finished_trainings_are_not_repeated(tmp_path: Path) -> None:
    """Both files say that all is done: a second call restores and takes no step."""
    one = fit(TINY, tmp_path, [])
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in CHECKPOINT_FILES}
    assert_equal(fit(TINY, tmp_path, []), one)
    assert before == {name: (tmp_path / name).stat().st_mtime_ns for name in CHECKPOINT_FILES}


def test_fingerprints_follow_the_data_on_disk_too(tmp_path: Path) -> None:
    items = np.arange(1, 9, dtype=np.int32)
    items.tofile(tmp_path / "items.bin")
    mapped = np.memmap(tmp_path / "items.bin", dtype=np.int32, mode="r")
    offsets, layout = np.array([0, 4, 8]), world.make_layout()
    in_memory = fingerprint_of((Sequences(items, offsets),), layout, TINY, 0, "")
    assert fingerprint_of((Sequences(mapped, offsets),), layout, TINY, 0, "") == in_memory
