"""What items are scored by, made from a recommender's weights once for all its processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from expectations.contracts.errors import UserError
from training.item_scoring.block_search import STRIP
from training.recommender.data.array_files import map_arrays


@dataclass(frozen=True)
class PreparedItems:
    """The items of a layout as they are searched, in order of row.

    Shapes: I items, D dimension, W the same filled up (``block_scoring.py``).

    Attributes:
        vectors: over the temperature, float32 ``[I, D]``.
        codes: of the quantised vectors, int8 ``[I, W]``.
        scales: of the codes, float32 ``[I, 3]``.
    """

    vectors: np.ndarray
    codes: np.ndarray
    scales: np.ndarray

    def save(self, file: Path) -> None:
        """Write them as safetensors."""
        save_file(vars(self), file)

    @classmethod
    def map(cls, file: Path, n_items: int, dimension: int) -> PreparedItems:
        """Return what :meth:`save` wrote, as maps of the file.

        Raises:
            UserError: it was made of another recommender, or by another version.
        """
        arrays = map_arrays(file)
        found = {name: array.shape for name, array in arrays.items()}
        width = -(-dimension // STRIP) * STRIP
        expected = {
            "vectors": (n_items, dimension),
            "codes": (n_items, width),
            "scales": (n_items, 3),
        }
        if found != expected:
            rule = "what is prepared was made of the recommender beside it, by this version"
            raise UserError(str(file), rule, "remove it and prepare again", str(found)[:120])
        return cls(**arrays)
