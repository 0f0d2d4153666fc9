"""States are those of the transformer that was trained, whatever its shape."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from training.recommender.config import RecommenderConfig
from training.recommender.data.histories import Sequences, pad
from training.recommender.data.layout import FIRST_ITEM, arrange_items
from training.recommender.model.history_encoder import HistoryEncoder
from training.recommender.model.model import SequenceTransformer, make_model

LAYOUT = arrange_items([f"i{n:03d}" for n in range(120)], np.arange(120) // 30, 4)
CLOSE = 1e-5
"""Sums in another order, and an error function that is off by 3e-7."""
SHAPES = (
    {"dimension": 128, "n_layers": 2, "n_heads": 2, "max_length": 50},
    {"dimension": 2, "n_layers": 1, "n_heads": 1, "max_length": 1},
    {"dimension": 6, "n_layers": 3, "n_heads": 3, "max_length": 9},
    {"dimension": 33, "n_layers": 1, "n_heads": 11, "max_length": 7},
    {"dimension": 8, "n_layers": 4, "n_heads": 8, "max_length": 200},
)


def make(shape: dict[str, int]) -> SequenceTransformer:
    """A model whose every weight counts: far from where training starts, shifts not at zero."""
    generator = torch.Generator().manual_seed(0)
    model = make_model(LAYOUT, RecommenderConfig(**shape), generator)
    with torch.no_grad():
        for weight in model.parameters():
            spread = 1.5 / np.sqrt(weight.shape[-1]) if weight.dim() > 1 else 0.5
            weight.add_(torch.empty_like(weight).normal_(0, spread, generator=generator))
    return model


def draw(max_length: int, n: int = 60) -> Sequences:
    """Histories of every length there may be, the shortest and the longest among them."""
    rng = np.random.default_rng(0)
    lengths = [1, max_length, *rng.integers(1, max_length + 1, n - 2)]
    return Sequences.of([rng.integers(FIRST_ITEM, 121, length).tolist() for length in lengths])


def encode_by_torch(model: SequenceTransformer, histories: Sequences) -> np.ndarray:
    with torch.inference_mode():
        states = model(torch.from_numpy(pad(histories)))  # [U, S, D]
        last: np.ndarray = states[torch.arange(len(histories)), histories.lengths - 1].numpy()
    return last


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_states_are_those_of_the_transformer(shape: dict[str, int]) -> None:
    model = make(shape)
    histories = draw(shape["max_length"])
    states, by_torch = HistoryEncoder(model).encode(histories), encode_by_torch(model, histories)
    expected = encode_by_torch(model.double(), histories)
    assert states.dtype == np.float32
    # nearly equal numbers are normalised to far ones, last bits and all: in torch's float32 too
    own_error = np.abs(by_torch - expected).max()
    np.testing.assert_allclose(states, expected, atol=CLOSE + 4 * own_error)
    assert np.abs(expected[0] - expected[1]).max() > 100 * CLOSE or shape["max_length"] == 1


def test_items_rank_alike() -> None:
    """But where two scores lie as near as the states do."""
    model = make(SHAPES[0])
    histories, vectors = draw(50), model.item_vectors().detach().numpy()
    expected = encode_by_torch(model, histories) @ vectors.T
    order = np.argsort(-(HistoryEncoder(model).encode(histories) @ vectors.T), axis=1)
    ranked = np.take_along_axis(expected, order, axis=1)
    assert (np.diff(ranked, axis=1) < CLOSE).all()


def test_a_state_is_the_same_whatever_is_encoded_beside_it() -> None:
    encoder, histories = HistoryEncoder(make(SHAPES[0])), draw(50, 9)
    together = encoder.encode(histories)
    for row, state in enumerate(together):
        assert np.array_equal(encoder.encode(histories.take(np.array([row])))[0], state)
    assert encoder.encode(Sequences.of([])).shape == (0, 128)


def test_histories_that_the_model_has_no_positions_for_are_refused() -> None:
    encoder = HistoryEncoder(make(SHAPES[2]))
    for history in ([], [1] * 10):
        with pytest.raises(ValueError, match=r"1 to 9 items, not (0|1) to"):
            encoder.encode(Sequences.of([[1], history]))


def test_what_multiplies_is_found_before_it_has_multiplied() -> None:
    """In a process of its own: here other tests have long loaded what numba loads at its first."""
    told = subprocess.run([sys.executable, "-c", LOADED_LATER], capture_output=True, text=True)
    assert told.stdout.split() == ["True"], told.stderr


LOADED_LATER = """
import numba
import numpy as np
from threadpoolctl import ThreadpoolController
from training.recommender.model.history_encoder import find_blas

def paths(found):
    return {library.filepath for library in found.lib_controllers}

sought = paths(find_blas())
numba.njit(lambda a: np.dot(a, a))(np.ones((2, 2)))
print(sought == paths(ThreadpoolController().select(user_api="blas")))
"""
