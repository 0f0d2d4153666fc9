"""Golden numbers of item metrics, made by RecTools itself on a small random world.

RecTools needs numpy below 2, so it has an environment of its own::

    python3.11 -m venv /tmp/rectools && /tmp/rectools/bin/pip install rectools
    /tmp/rectools/bin/python benchmarks/recommender/rectools_metrics.py \
        tests/training/evaluation/items/rectools_metrics.json
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from rectools import Columns
from rectools.metrics import (
    MRR,
    NDCG,
    CatalogCoverage,
    HitRate,
    IntraListDiversity,
    MeanInvUserFreq,
    PairwiseHammingDistanceCalculator,
    Recall,
    Serendipity,
)

N_USERS, N_ITEMS, N_CLUSTERS, DEPTH = 24, 40, 5, 20
DEPTHS = (1, 5, 10, 20)
COLD = 4
"""Items, the last ones, that nobody liked before."""


def main() -> None:
    """Draw the world, let RecTools measure it, and write both as JSON to the path given."""
    rng = np.random.default_rng(20240521)
    popularity = 1 / np.arange(1, N_ITEMS - COLD + 1)
    world: dict[str, list] = {
        "clusters": list(np.sort(rng.integers(N_CLUSTERS, size=N_ITEMS))),
        "histories": [
            rng.choice(N_ITEMS - COLD, rng.integers(2, 9), False, popularity / popularity.sum())
            for _ in range(N_USERS)
        ],
        "rankings": [rng.permutation(N_ITEMS)[:DEPTH] for _ in range(N_USERS)],
        "positives": [rng.permutation(N_ITEMS)[: rng.integers(1, 8)] for _ in range(N_USERS)],
    }
    figures = {name: [float(v) for v in values] for name, values in measure(world).items()}
    content = {
        "made_with": f"rectools {version('rectools')}, benchmarks/recommender/rectools_metrics.py",
        **{name: [np.asarray(row).tolist() for row in rows] for name, rows in world.items()},
        "figures": figures,
    }
    Path(sys.argv[1]).write_text(json.dumps(content) + "\n", encoding="utf-8")


def measure(world: dict[str, list]) -> dict[str, np.ndarray]:
    """Return every metric per user, and coverage once, as RecTools has them."""
    shown, liked = _table(world["rankings"]), _table(world["positives"])
    before = _table(world["histories"])
    catalogue = list(range(N_ITEMS))
    features = pd.DataFrame({"cluster": world["clusters"]}, index=catalogue)
    distances = PairwiseHammingDistanceCalculator(features)
    figures = {}
    for k in DEPTHS:
        accuracy = {
            "hit_rate": HitRate(k),
            "ndcg": NDCG(k, divide_by_achievable=True),
            "mrr": MRR(k),
            "recall": Recall(k),
        }
        for name, metric in accuracy.items():
            figures[f"{name}_at_{k}"] = metric.calc_per_user(shown, liked).sort_index()
    k = 10
    figures[f"novelty_at_{k}"] = MeanInvUserFreq(k).calc_per_user(shown, before).sort_index()
    figures[f"serendipity_at_{k}"] = (
        Serendipity(k).calc_per_user(shown, liked, before, catalogue).sort_index()
    )
    diversity = IntraListDiversity(k, distances)
    figures[f"diversity_at_{k}"] = diversity.calc_per_user(shown).sort_index()
    figures[f"coverage_at_{k}"] = [CatalogCoverage(k, normalize=True).calc(shown, catalogue)]
    return figures


def _table(rows: list) -> pd.DataFrame:
    pairs = [
        (user, int(item), rank) for user, row in enumerate(rows) for rank, item in enumerate(row, 1)
    ]
    return pd.DataFrame(pairs, columns=[Columns.User, Columns.Item, Columns.Rank])


if __name__ == "__main__":
    main()
