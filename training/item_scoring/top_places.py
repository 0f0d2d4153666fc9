"""Finds the highest scores: exactly, best first, equal ones in order of place."""

from __future__ import annotations

import math

import numpy as np
import torch


def top_places(scores: np.ndarray, k: int) -> np.ndarray:
    """Return where the ``k`` highest finite scores stand, best first, equal ones ascending.

    Args:
        scores: ``[n]``.
        k: how many at most.
    """
    k = min(k, len(scores))
    if k <= 0:
        return np.empty(0, dtype=np.int64)
    bar = np.partition(scores, len(scores) - k)[len(scores) - k]
    candidates = np.flatnonzero((scores >= bar) & np.isfinite(scores))
    return candidates[np.argsort(-scores[candidates], kind="stable")][:k]


def top_columns(scores: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the ``k`` highest scores of each row and their columns, as :func:`top_places` would.

    Args:
        scores: without NaN, ``[rows, n]``; minus infinity is nothing.
        k: how many at most.

    Returns:
        Scores and int64 columns, ``[rows, min(k, n)]`` each. Where a row has fewer finite scores,
        the rest are minus infinity, and their columns mean nothing.
    """
    # Torch is fast, but which of two equal scores it takes is left open: one place more than is
    # wanted shows whether that could matter.
    values, columns = torch.topk(torch.from_numpy(scores), min(k + 1, scores.shape[1]))
    best, places = values.numpy(), columns.numpy()  # [rows, at most k + 1]
    is_tied = (best[:, 1:] == best[:, :-1]) & (best[:, 1:] > -np.inf)
    if is_tied.any():
        for row in np.flatnonzero(is_tied.any(axis=1)):
            ordered = top_places(scores[row], k)
            places[row, : len(ordered)] = ordered
            best[row, : len(ordered)] = scores[row, ordered]
    return best[:, :k], places[:, :k]


def top_of_row(scores: np.ndarray, k: int) -> tuple[list[float], list[int]]:
    """Return the ``k`` highest finite scores of one row and where they stand, as plain numbers.

    Args:
        scores: without NaN, ``[n]``; minus infinity is nothing.
        k: how many at most.
    """
    values, places = torch.topk(torch.from_numpy(scores), min(k + 1, len(scores)))
    best, columns = values.tolist(), places.tolist()
    if len(set(best)) < len(best) or -math.inf in best:
        columns = top_places(scores, k).tolist()
        best = scores[columns].tolist()
    return best[:k], columns[:k]
