"""Cuts a sparse matrix down to a few dimensions and scales its rows."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

SVD_ITERATIONS = 7
"""Power iterations: scikit-learn's own choice where few components of many are wanted."""


def truncated_svd(
    matrix: sp.csr_matrix, dimensions: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return right singular vectors ``[m, d]`` and singular values ``[d]``, largest first.

    Randomised SVD with power iterations (Halko et al. 2011); ``d`` is ``dimensions``, or fewer
    where the matrix ``[n, m]`` has fewer rows or columns. Rows, old and new, get their vector by
    multiplication with the directions.
    """
    from sklearn.utils.extmath import randomized_svd  # a service, which scales rows, waits for none

    wanted = max(1, min(dimensions, *matrix.shape))
    seed = int(rng.integers(2**31))
    _, values, right = randomized_svd(matrix, wanted, n_iter=SVD_ITERATIONS, random_state=seed)
    return np.ascontiguousarray(right.T), values


def scale_to_unit(vectors: np.ndarray) -> np.ndarray:
    """Return the rows at unit length as float32; rows that are (almost) zero become zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    present = lengths > 1e-8
    scaled = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=present)
    single: np.ndarray = scaled.astype(np.float32)
    return single
