"""Encodes histories one at a time, compiled: the forward pass of the transformer, for answers.

The weights and the arithmetic are those of :class:`SequenceTransformer`, which is trained and is
what tests hold this against. A request brings one history: there the calls of single operations
cost more than the work they do. The last block is computed for the newest item only, since nothing
else is read of it. A history's state does not depend on those that are encoded beside it.

Everything compiled stands here, with all that it calls (``compiled.py``).

Shapes: U histories, S items of one, D dimension, H heads, E dimension of a head (D / H), L layers,
I items, C clusters, M longest history.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import NamedTuple

import numpy as np
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]
from torch import Tensor, nn

from training.item_scoring.compiled import compiled, compiled_in_any_order
from training.recommender.data.histories import Sequences
from training.recommender.model.model import Block, SequenceTransformer

SHORTEST = 1e-12
"""Of a vector that is brought to length one, as in ``torch.nn.functional.normalize``."""
ERF = (0.0705230784, 0.0422820123, 0.0092705272, 0.0001520143, 0.0002765672, 0.0000430638)
"""Coefficients of the error function: Abramowitz and Stegun, "Handbook of Mathematical Functions"
(1964), 7.1.28; it is off by 3e-7 at most, as much as float32 itself is."""
SQUARINGS = 4
"""The formula's 16th power."""


class Weights(NamedTuple):
    """What the forward pass reads, float32; matrices take rows to the right (``x @ w + b``).

    Attributes:
        items: embeddings, padding first, ``[1 + I, D]``.
        clusters: embeddings, padding first, ``[1 + C, D]``.
        cluster_of_item: row in ``clusters`` of each embedding index, int64 ``[1 + I]``.
        positions: ``[M, D]``.
        attention_norms: scale and shift of each layer, ``[L, 2, D]``.
        projections: to queries, keys and values, ``[L, D, 3D]``.
        projection_shifts: ``[L, 3D]``.
        outputs: of attention, ``[L, D, D]``.
        output_shifts: ``[L, D]``.
        perceptron_norms: ``[L, 2, D]``.
        ups: ``[L, D, 4D]``.
        up_shifts: ``[L, 4D]``.
        downs: ``[L, 4D, D]``.
        down_shifts: ``[L, D]``.
        last_norm: ``[2, D]``.
    """

    items: np.ndarray
    clusters: np.ndarray
    cluster_of_item: np.ndarray
    positions: np.ndarray
    attention_norms: np.ndarray
    projections: np.ndarray
    projection_shifts: np.ndarray
    outputs: np.ndarray
    output_shifts: np.ndarray
    perceptron_norms: np.ndarray
    ups: np.ndarray
    up_shifts: np.ndarray
    downs: np.ndarray
    down_shifts: np.ndarray
    last_norm: np.ndarray


class HistoryEncoder:
    """Encodes histories by the weights that a transformer has when this is made.

    Args:
        model: on the processor; embeddings are shared with it, other weights copied.
    """

    def __init__(self, model: SequenceTransformer) -> None:
        blocks = [block for block in model.blocks if isinstance(block, Block)]
        self._n_heads = blocks[0].n_heads
        self._epsilon = float(model.norm.eps)
        self._weights = Weights(
            _array(model.items.weight),
            _array(model.clusters.weight),
            _array(model.cluster_of_item),
            _array(model.positions.weight),
            np.stack([_scale_and_shift(block.attention_norm) for block in blocks]),
            *_stack(block.queries_keys_values for block in blocks),
            *_stack(block.attention_output for block in blocks),
            np.stack([_scale_and_shift(block.perceptron_norm) for block in blocks]),
            *_stack(block.up_projection for block in blocks),
            *_stack(block.down_projection for block in blocks),
            _scale_and_shift(model.norm),
        )

    def encode(self, histories: Sequences) -> np.ndarray:
        """Return the unit vector of each history as of its newest item, float32 ``[U, D]``.

        Args:
            histories: embedding indices, oldest first, of one item or more and of no more than
                the model has positions.

        Raises:
            ValueError: a history is empty, or longer than that.
        """
        lengths, most = histories.lengths, len(self._weights.positions)
        if len(lengths) and not 1 <= lengths.min() <= lengths.max() <= most:
            found = f"{lengths.min()} to {lengths.max()}"
            raise ValueError(f"a history has 1 to {most} items, not {found}")
        shape = self._n_heads, self._epsilon
        with self._one_thread():
            states: np.ndarray = encode_histories(
                self._weights, *shape, histories.items, histories.offsets
            )
        return states

    def _one_thread(self) -> AbstractContextManager[object]:
        """Keep products to one thread: of several the number would show in the last bits."""
        if all(library.num_threads == 1 for library in self._blas.lib_controllers):
            return nullcontext()  # to set what is set already takes as long as a short history
        limits: AbstractContextManager[object] = self._blas.limit(limits=1)
        return limits

    @cached_property
    def _blas(self) -> ThreadpoolController:
        """Sought once, since the search takes long."""
        return find_blas()


def find_blas() -> ThreadpoolController:
    """Return what multiplies matrices in this process, to set its threads.

    A compiled product runs on SciPy's own library, which numba loads at the first of them: loaded
    later than it is sought, it would keep a thread for every processor.
    """
    importlib.import_module("scipy.linalg.cython_blas")
    return ThreadpoolController().select(user_api="blas")


def _stack(layers: Iterable[nn.Linear]) -> tuple[np.ndarray, np.ndarray]:
    """Return matrices ``[L, in, out]`` and shifts ``[L, out]`` of linear layers."""
    found = list(layers)
    matrices = [np.ascontiguousarray(_array(layer.weight).T) for layer in found]
    return np.stack(matrices), np.stack([_array(layer.bias) for layer in found])


def _scale_and_shift(norm: nn.LayerNorm) -> np.ndarray:
    return np.stack([_array(norm.weight), _array(norm.bias)])


def _array(tensor: Tensor) -> np.ndarray:
    found: np.ndarray = tensor.detach().numpy()
    return found


@compiled
def encode_histories(
    weights: Weights, n_heads: int, epsilon: float, items: np.ndarray, offsets: np.ndarray
) -> np.ndarray:
    """Return the state of each history, float32 ``[U, D]``; see :class:`HistoryEncoder`."""
    states = np.empty((len(offsets) - 1, weights.items.shape[1]), np.float32)
    for row in range(len(states)):
        history = items[offsets[row] : offsets[row + 1]]
        _encode(weights, n_heads, epsilon, history, states[row])
    return states


@compiled
def _encode(
    weights: Weights, n_heads: int, epsilon: float, history: np.ndarray, state: np.ndarray
) -> None:
    n, width = len(history), len(state)
    hidden = np.empty((n, width), np.float32)  # [S, D]
    for at in range(n):
        own = weights.items[history[at]]
        shared = weights.clusters[weights.cluster_of_item[history[at]]]
        place = weights.positions[at]
        for d in range(width):
            hidden[at, d] = own[d] + shared[d] + place[d]
    n_layers = len(weights.projections)
    for layer in range(n_layers):
        first = n - 1 if layer == n_layers - 1 else 0  # of the last layer one position is read
        normed = _normalise(hidden, weights.attention_norms[layer], epsilon)  # [S, D]
        stacked = np.dot(normed, weights.projections[layer])  # [S, 3D]
        _shift(stacked, weights.projection_shifts[layer])
        mixed = _attend(stacked, n_heads, first)  # [S - first, D]
        attended = np.dot(mixed, weights.outputs[layer])  # [S - first, D]
        hidden = _add(hidden[first:], attended, weights.output_shifts[layer])
        normed = _normalise(hidden, weights.perceptron_norms[layer], epsilon)
        wide = np.dot(normed, weights.ups[layer])  # [S - first, 4D]
        _bend(wide, weights.up_shifts[layer])
        hidden = _add(hidden, np.dot(wide, weights.downs[layer]), weights.down_shifts[layer])
        n -= first
    last = _normalise(hidden, weights.last_norm, epsilon)[n - 1]
    length = max(np.sqrt(_dot(last, last)), np.float32(SHORTEST))
    for d in range(width):
        state[d] = last[d] / length


@compiled_in_any_order
def _normalise(rows: np.ndarray, norm: np.ndarray, epsilon: float) -> np.ndarray:
    """Return rows with mean 0 and deviation 1, scaled and shifted: layer norm."""
    width = rows.shape[1]
    normed = np.empty_like(rows)
    scale, shift = norm[0], norm[1]
    for at in range(len(rows)):
        total = np.float32(0)
        for d in range(width):
            total += rows[at, d]
        mean = np.float32(total / width)
        total = np.float32(0)
        for d in range(width):
            total += (rows[at, d] - mean) * (rows[at, d] - mean)
        factor = np.float32(1 / np.sqrt(total / width + epsilon))
        for d in range(width):
            normed[at, d] = (rows[at, d] - mean) * factor * scale[d] + shift[d]
    return normed


@compiled
def _shift(rows: np.ndarray, shift: np.ndarray) -> None:
    for at in range(len(rows)):
        for d in range(len(shift)):
            rows[at, d] += shift[d]


@compiled
def _add(rows: np.ndarray, others: np.ndarray, shift: np.ndarray) -> np.ndarray:
    for at in range(len(others)):
        for d in range(len(shift)):
            others[at, d] += shift[d] + rows[at, d]
    return others


@compiled_in_any_order
def _bend(rows: np.ndarray, shift: np.ndarray) -> None:
    """Add a shift and apply the Gaussian error linear unit, ``x (1 + erf(x / sqrt 2)) / 2``."""
    one, half, root = np.float32(1), np.float32(0.5), np.float32(np.sqrt(0.5))
    a, b, c = np.float32(ERF[0]), np.float32(ERF[1]), np.float32(ERF[2])
    d, e, f = np.float32(ERF[3]), np.float32(ERF[4]), np.float32(ERF[5])
    for at in range(len(rows)):
        for column in range(len(shift)):
            x = rows[at, column] + shift[column]
            size = abs(x) * root
            power = one + size * (a + size * (b + size * (c + size * (d + size * (e + size * f)))))
            for _ in range(SQUARINGS):
                power *= power
            tail = np.true_divide(one, power)  # of 1 - erf; `/` looks for zero, and one by one
            rows[at, column] = half * (x + abs(x) * (one - tail))


@compiled
def _attend(stacked: np.ndarray, n_heads: int, first: int) -> np.ndarray:
    """Return what each position from ``first`` on takes from those up to it, ``[S - first, D]``."""
    n, width = len(stacked), stacked.shape[1] // 3
    size = width // n_heads
    scale = np.float32(1 / np.sqrt(size))
    mixed = np.zeros((n - first, width), np.float32)
    shares = np.empty(n, np.float32)
    for head in range(n_heads):
        start, end = head * size, (head + 1) * size
        for at in range(first, n):
            query = stacked[at, start:end]
            for other in range(at + 1):
                key = stacked[other, width + start : width + end]
                shares[other] = _dot(query, key) * scale
            highest = shares[: at + 1].max()
            total = np.float32(0)
            for other in range(at + 1):
                shares[other] = np.exp(shares[other] - highest)
                total += shares[other]
            taken = mixed[at - first, start:end]
            for other in range(at + 1):
                value = stacked[other, 2 * width + start : 2 * width + end]
                share = shares[other] / total
                for d in range(size):
                    taken[d] += share * value[d]
    return mixed


@compiled_in_any_order
def _dot(left: np.ndarray, right: np.ndarray) -> np.float32:
    total = np.float32(0)
    for at in range(len(left)):
        total += left[at] * right[at]
    return total
