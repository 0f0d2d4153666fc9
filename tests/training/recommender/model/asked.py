"""Questions to a recommender, whatever its items."""

from __future__ import annotations

from training.recommender.model.recommender import SequenceRecommender
from training.recommender.protocol import ItemQuery, ScoredItem


def ask(recommender: SequenceRecommender) -> list[list[ScoredItem]]:
    """Answers of histories from all over the catalogue, within clusters and without."""
    items = recommender.item_ids
    histories = [items[start :: max(1, len(items) // 20)][:20] for start in (0, 1, 2)]
    return recommender.answer(
        [
            query
            for history in histories
            for query in (
                ItemQuery(history, 20, None, frozenset(history)),
                ItemQuery(history, 10, [0, 3], popularity_weight=10.0),
            )
        ]
    )
