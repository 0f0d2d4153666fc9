"""The service with a recommender that scores all items for every list, planned ones too.

`python -m benchmarks.serving.full_catalogue --port 8000`: restricted retrieval is held against it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import numpy as np

from inference.release.loaded_release import LoadedRelease
from pipelines.online.serve import serve
from training.item_scoring.top_k import top_k
from training.recommender.model.recommender import SequenceRecommender
from training.recommender.protocol import ItemQuery, ScoredItem


class FullCatalogue:
    """Scores the whole catalogue once a history, and masks what a list may not hold."""

    def __init__(self, ours: SequenceRecommender) -> None:
        self._ours = ours
        self.item_ids = ours.item_ids

    def top_items(
        self,
        recent_items: Sequence[str],
        clusters: Sequence[int] | None,
        exclude: AbstractSet[str],
        k: int,
    ) -> list[ScoredItem]:
        """Return the best items; see the protocol."""
        return self.answer([ItemQuery(recent_items, k, clusters, exclude)])[0]

    def answer(self, queries: Sequence[ItemQuery]) -> list[list[ScoredItem]]:
        """Return the best items of each query."""
        scored: dict[int, np.ndarray] = {}
        layout = self._ours.layout
        answers: list[list[ScoredItem]] = []
        for query in queries:
            known = [item for item in query.recent_items if item in layout.index_of]
            if not known:
                answers.append([])
                continue
            if id(query.recent_items) not in scored:
                scored[id(query.recent_items)] = self._ours.score_batch([known])[0]
            scores = scored[id(query.recent_items)].copy()
            if query.clusters is not None:
                scores[~np.isin(layout.cluster_of_row, query.clusters)] = -np.inf
            scores[layout.rows_of(query.exclude)] = -np.inf
            answers.append(
                [
                    ScoredItem(
                        layout.item_ids[row], int(layout.cluster_of_row[row]), float(scores[row])
                    )
                    for row in top_k(scores, query.k)
                ]
            )
        return answers


def score_everything(release: LoadedRelease) -> FullCatalogue:
    """Return the release's own recommender, asked for all items."""
    if not isinstance(release.recommender, SequenceRecommender):
        raise TypeError("the release has another recommender than ours")
    return FullCatalogue(release.recommender)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    serve(score_everything, port=parser.parse_args().port)
