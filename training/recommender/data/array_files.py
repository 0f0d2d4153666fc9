"""Arrays in safetensors files: read into memory, or mapped, so that processes share them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import safetensors.numpy
import safetensors.torch

ArrayReader = Callable[[Path], dict[str, np.ndarray]]
"""Returns the arrays of a safetensors file by name."""


def read_arrays(file: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a file, each a copy in the memory of this process."""
    arrays: dict[str, np.ndarray] = safetensors.numpy.load_file(file)
    return arrays


def map_arrays(file: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a file as maps of it: processes that map one file share its memory.

    The file may be removed meanwhile, but never written to. What a process writes into an array
    stays its own: maps are copied page by page on writing. They count as writable, since functions
    are compiled for what an array may be, and would be compiled anew for those that are not.
    """
    return {name: tensor.numpy() for name, tensor in safetensors.torch.load_file(file).items()}
