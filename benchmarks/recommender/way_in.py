"""Which items of a cluster to show to somebody who knows nothing of it: by history or popularity.

Run from the top of the repository, after `dvc repro`: `python -m benchmarks.recommender.way_in`.
Each item that somebody came to like in the validation window, of a cluster new to them, is ranked
within its cluster by the score of the recommender from before that window plus a weight times the
logarithm of the item's likes: the setting `serving.exploration.popularity_weight`. Prints the share
found among the first 1, 3 and 5, by how far the cluster was.
"""

from __future__ import annotations

import numpy as np

from benchmarks.markdown import to_markdown
from expectations.contracts.errors import UserError
from expectations.contracts.tables import CASES, ITEM_CASES
from pipelines.io import paths
from pipelines.io.artefact_io import read_table
from pipelines.io.clusters_reader import read_clusters
from pipelines.io.command import run_command
from pipelines.params.params import read_params
from training.clusters.distance import DISTANCES
from training.evaluation.items.novel_events import find_novel_events
from training.evaluation.items.ranks import iterate_scores, ranked_ahead
from training.recommender.data.layout import FIRST_ITEM
from training.recommender.model.popularity import score_popularity
from training.recommender.model.recommender import SequenceRecommender

WEIGHTS = (0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
DEPTHS = (1, 3, 5)


def main() -> None:
    """Print a row for each weight and depth, a column for each distance."""
    clusters = read_clusters(read_params().clusters.serving_level)
    recommender = SequenceRecommender.load(paths.RECOMMENDER_BEFORE_VALIDATION)
    layout = recommender.layout
    cases, item_cases = read_table(paths.CASES, CASES), read_table(paths.ITEM_CASES, ITEM_CASES)
    events = find_novel_events(cases, item_cases, layout, "validation")
    known = [
        [*liked, *consumed]
        for liked, consumed in zip(events.history_clusters, events.consumed_clusters, strict=True)
    ]
    distances = clusters.ancestors.distances_of(known)  # [C, N]
    if recommender.likes is None:
        raise UserError(str(paths.RECOMMENDER_BEFORE_VALIDATION), "counts likes", "train it again")
    added = [score_popularity(recommender.likes, weight) for weight in WEIGHTS]  # [I] each
    codes, ranks = [], []
    for case, row in iterate_scores(recommender, events.held_out):
        for index in (events.held_out.positives[case] - FIRST_ITEM).tolist():
            cluster = layout.cluster_of_row[index]
            block = slice(*layout.block_starts[cluster : cluster + 2])
            codes.append(distances[case, cluster])
            at = index - block.start
            ranks.append([1 + ranked_ahead(row[block] + more[block], at).sum() for more in added])
    is_at = np.array(codes)[:, None] == np.arange(len(DISTANCES))  # [P, distances]
    found = np.array(ranks)  # [P, W]
    rows = [
        [weight, depth] + [f"{(found[at, number] <= depth).mean():.3f}" for at in (..., *is_at.T)]
        for number, weight in enumerate(WEIGHTS)
        for depth in DEPTHS
    ]
    counts = [f"{name} ({n})" for name, n in zip(DISTANCES, is_at.sum(axis=0), strict=True)]
    print(to_markdown(["weight", "among the first", f"all ({len(found)})", *counts], rows))


if __name__ == "__main__":
    run_command(main)
