"""The data card says how far from home what it kept leads."""

from __future__ import annotations

import numpy as np
import polars as pl

from training.clusters.distance import climb
from training.curation.data_card import count_distances

TREE = climb([np.array([0, 0, 1]), np.array([0, 0, 1, 1, 2, 2])], 6)  # three families, two fields


def test_what_was_kept_is_counted_at_the_distance_it_leads_to() -> None:
    rows = pl.DataFrame(
        {
            "consumed_clusters": [[0], [0, 2], [4], []],
            "novel": [[1, 2, 5], [1, 3], [], [0]],
        },
        schema_overrides={"novel": pl.List(pl.Int64), "consumed_clusters": pl.List(pl.Int64)},
    )
    found = count_distances(rows, "novel", TREE)
    assert found == {"adjacent": 3, "new_family": 1, "new_field": 2}
