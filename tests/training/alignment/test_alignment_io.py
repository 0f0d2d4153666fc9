"""A saved alignment comes back whole; anything else is refused by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from expectations.contracts.errors import UserError
from tests.worlds.alignment import draw_alignment, draw_reference
from training.alignment.alignment_io import load_alignment, save_alignment

N = 4


def test_an_alignment_comes_back_whole(tmp_path: Path) -> None:
    drawn = draw_alignment(np.random.default_rng(0), N)
    alignment = replace(drawn, reference=draw_reference(np.random.default_rng(1), 7, 20))
    save_alignment(alignment, tmp_path / "one")
    loaded = load_alignment(tmp_path / "one", N)
    assert np.array_equal(loaded.user_model.weights, alignment.user_model.weights)
    assert np.array_equal(loaded.user_model.popularity, alignment.user_model.popularity)
    assert loaded.user_model.decay == alignment.user_model.decay
    weights = loaded.plan_weight, loaded.user_weight
    assert weights == (alignment.plan_weight, alignment.user_weight)
    assert len(loaded.reference) == 7
    kept, given = loaded.reference.probabilities, alignment.reference.probabilities
    assert np.array_equal(kept, given)


def test_an_alignment_of_before_reference_plans_is_served_on(tmp_path: Path) -> None:
    save_alignment(draw_alignment(np.random.default_rng(0), N), tmp_path / "one")
    parts = load_file(tmp_path / "one")
    del parts["reference"]
    save_file(parts, tmp_path / "before")
    assert not len(load_alignment(tmp_path / "before", N).reference)  # one mix for everybody


def test_reference_plans_of_another_shape_are_refused(tmp_path: Path) -> None:
    save_alignment(draw_alignment(np.random.default_rng(0), N), tmp_path / "one")
    parts = load_file(tmp_path / "one") | {"reference": np.zeros((4, 2), np.float32)}
    save_file(parts, tmp_path / "other")
    with pytest.raises(UserError, match="holds an alignment"):
        load_alignment(tmp_path / "other", N)


def test_an_alignment_of_other_clusters_is_refused(tmp_path: Path) -> None:
    save_alignment(draw_alignment(np.random.default_rng(0), N), tmp_path / "one")
    with pytest.raises(UserError, match="is an alignment of 5 clusters"):
        load_alignment(tmp_path / "one", 5)


@pytest.mark.parametrize("content", [b"", b"no tensors here"])
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other").write_bytes(content)
    with pytest.raises(UserError, match="holds an alignment"):
        load_alignment(tmp_path / "other", N)


def test_a_file_that_lacks_a_part_is_refused(tmp_path: Path) -> None:
    save_file({"weights": np.zeros((1, 1), dtype=np.float32)}, tmp_path / "part")
    with pytest.raises(UserError, match="holds an alignment"):
        load_alignment(tmp_path / "part", N)
