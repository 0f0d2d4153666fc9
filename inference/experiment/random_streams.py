"""Common random numbers: each depends on what it is for, seed, user, item and round alone.

Shapes: S numbers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

EXAMINE, CONSUME, NOISE, OUTSIDE, LEAVE, DRIFT, EMERGE, ARRIVE, DIVERT = range(9)
"""What a stream of random numbers is for; each is independent of the others."""


def draw_uniform(
    seed: int, stream: int, users: Integers, items: Integers, round_number: int
) -> Floats:
    """Return numbers in (0, 1) that depend on the arguments alone, [S].

    A counter-based generator (SplitMix64; Steele, Lea and Flood, 2014) in place of a sequential
    one: each combination has its own number, however many others are drawn.
    """
    # Mixed at once: else stream 1 of one seed would be stream 0 of the next.
    state = _mix(np.full(len(users), seed, dtype=np.uint64))
    for part in (stream, round_number, users, items):
        state = _mix(state + np.asarray(part, dtype=np.uint64))
    return (np.right_shift(state, np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = state + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(state ^ (state >> np.uint64(31)), dtype=np.uint64)
