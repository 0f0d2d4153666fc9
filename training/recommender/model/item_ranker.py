"""Answers questions about items from vectors: all that comes after the history has been read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.item_scoring.block_scoring import BlockQuery, BlockScorer, Bonus, Quantised
from training.item_scoring.block_search import NO_ITEM
from training.recommender.data.layout import ItemLayout
from training.recommender.protocol import ItemQuery, ScoredItem


class ItemRanker:
    """Ranks the items of a layout for any recommender whose score is a dot product.

    Args:
        item_vectors: in order of row, float32 ``[I, D]``, contiguous.
        layout: the items.
        quantised: what the scorer makes of the vectors, where it is at hand.
    """

    def __init__(
        self, item_vectors: np.ndarray, layout: ItemLayout, quantised: Quantised | None = None
    ) -> None:
        self.layout = layout
        self.scorer = BlockScorer(item_vectors, layout.block_starts, quantised)
        self._cluster_of_row: list[int] = layout.cluster_of_row.tolist()

    def answer(
        self,
        states: np.ndarray,
        asking: Sequence[int | None],
        queries: Sequence[ItemQuery],
        bonuses: Sequence[Bonus] | None = None,
    ) -> list[list[ScoredItem]]:
        """Return the best items of each query, in order; equal scores in order of row.

        Args:
            states: of the distinct histories, float32 ``[U, D]``.
            asking: the state that each query asks by; ``None`` where nothing is known of the user.
            queries: what is asked; their histories are not looked at here.
            bonuses: what single items gain, of each state.

        Raises:
            ValueError: a query names a cluster that does not exist.
        """
        asked = {
            number: BlockQuery(
                state,
                query.k,
                None if query.clusters is None else sorted(set(query.clusters)),
                self.layout.lazy_rows_of(query.exclude),
            )
            for number, (state, query) in enumerate(zip(asking, queries, strict=True))
            if state is not None
        }
        ranked = self.scorer.rank(states, list(asked.values()), bonuses)
        answers: list[list[ScoredItem]] = [[] for _ in queries]
        for number, rows, scores in zip(
            asked, ranked.rows.tolist(), ranked.scores.tolist(), strict=True
        ):
            answers[number] = self._name(rows, scores)
        return answers

    def _name(self, rows: Sequence[int], scores: Sequence[float]) -> list[ScoredItem]:
        ids, clusters = self.layout.item_ids, self._cluster_of_row
        return [
            ScoredItem(ids[row], clusters[row], score)
            for row, score in zip(rows, scores, strict=True)
            if row != NO_ITEM
        ]
