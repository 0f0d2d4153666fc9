"""Compiles loops by numba at their first use, and keeps them on disk where there is a place.

What is kept of a function is made anew when its own file changes, and for no other: a compiled
function stands in one file with all that it calls, and takes other files' constants as arguments.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from numba import njit

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Return a function compiled, which lets other threads run beside it."""
    return _compile(function, fastmath=False)


def compiled_in_any_order(function: Function) -> Function:
    """Return the same with sums in whatever order is fastest: the same one at every call."""
    return _compile(function, fastmath={"reassoc", "contract"})


def _compile(function: Function, **options: object) -> Function:
    try:
        made: Function = njit(nogil=True, cache=True, **options)(function)
    except RuntimeError:  # there is no folder to keep it in: each process compiles for itself
        made = njit(nogil=True, **options)(function)
    return made
