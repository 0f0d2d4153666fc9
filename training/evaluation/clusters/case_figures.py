"""What is kept of each evaluation case, so that two releases can be compared case by case."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

KEY_DIGITS = 32
"""Of a SHA-256: no two of a billion cases share them."""


def tabulate_cases(cases: pl.DataFrame, figures: Mapping[str, NDArray[np.float64]]) -> pl.DataFrame:
    """Return one row per case: what identifies it, whose it is, and its figures.

    Two rows with the same ``case_id`` are the same question with the same right answers, whoever
    was asked. Users are kept as hashes: a comparison resamples them and need not know them.

    Args:
        cases: columns ``origin``, ``user_id``, ``positives`` (ids of clusters or of items).
        figures: by column name, one figure per case, in the order of ``cases``; what is not a
            number becomes null.
    """
    rows = cases.select("origin", "user_id", "positives").rows()
    return pl.DataFrame(
        {
            "case_id": [_name_case(*row) for row in rows],
            "user_key": [_digest(user) for _, user, _ in rows],
        },
        schema={"case_id": pl.String, "user_key": pl.String},
    ).with_columns(
        pl.Series(name, values, dtype=pl.Float32).fill_nan(None) for name, values in figures.items()
    )


def _name_case(origin: datetime, user_id: str, positives: Iterable[int | str]) -> str:
    return _digest(origin.isoformat(), user_id, *sorted(str(name) for name in positives))


def _digest(*words: str) -> str:
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:KEY_DIGITS]
